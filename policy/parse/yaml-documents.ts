import { Composer, Lexer, type ParsedNode, Parser } from "yaml";
import { ErrorList } from "./error-list.ts";
import { shorten } from "./text.ts";
import { MAX_DEPTH, TOO_DEEP } from "./tree-checks.ts";

/**
 * Most pieces that a text may have: names, values, signs, line ends, spaces between them. Of those, not of
 * its length, depends how much time and memory the library takes: a few microseconds and some 500 bytes each.
 */
const MAX_PIECES = 2_000_000;

/** The document itself stands on the parser's stack, and a value inside the deepest collection. */
const MAX_STACK = MAX_DEPTH + 2;

/**
 * The documents of a text, one after the other. What is wrong with the syntax is reported, and a document
 * in which something is, is left out. Ends early where going on would only cost: too many errors, too deep, too much.
 */
export function* yamlDocuments(text: string, errors: ErrorList): Generator<ParsedNode> {
  const parser = new Parser();
  // The library's own check for duplicate keys takes quadratic time.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false });
  const report = (faults: readonly { readonly pos: readonly number[]; readonly message: string }[]): void => {
    for (const { pos, message } of faults) errors.add(pos[0] ?? 0, "document", shorten(message));
  };
  let isEmpty = true;
  function* take(documents: ReturnType<typeof composer.next>): Generator<ParsedNode> {
    for (const document of documents) {
      isEmpty = false;
      report(document.errors);
      // Warnings are about tags that nobody knows and directives that nobody obeys.
      report(document.warnings);
      if (document.errors.length === 0 && document.contents !== null) yield document.contents;
    }
  }
  let pieces = 0;
  let faults = 0;
  for (const piece of new Lexer().lex(text)) {
    for (const token of parser.next(piece)) {
      if (token.type === "error") faults++;
      yield* take(composer.next(token));
    }
    if (parser.stack.length > MAX_STACK) return errors.add(parser.offset, "document", TOO_DEEP);
    if (++pieces > MAX_PIECES) {
      return errors.add(parser.offset, "document", `has more than ${MAX_PIECES} names, values and signs; split it`);
    }
    if (faults > ErrorList.LIMIT || errors.isFull) break;
  }
  for (const token of parser.end()) yield* take(composer.next(token));
  yield* take(composer.end());
  if (isEmpty) {
    const { errors: left, warnings } = composer.streamInfo();
    report(left);
    report(warnings);
  }
}
