import { type Alias, LineCounter, type Node, type ParsedNode, parseAllDocuments } from "yaml";
import { ErrorList } from "./error-list.ts";
import { TOO_DEEP, TreeChecks } from "./tree-checks.ts";
import { shorten } from "./text.ts";

/** A file's documents, checked for what YAML lets anybody do to a reader. */
export interface YamlFile {
  readonly documents: readonly ParsedNode[];
  /** What an alias stands for; undefined where that is unknown, or the aliases of the file repeat too much. */
  resolve(alias: Alias): Node | undefined;
  readonly errors: ErrorList;
}

/** Longest text, in UTF-16 units. The library takes about a second for a million. */
const MAX_LENGTH = 4 * 1024 * 1024;
/** How the library, which composes by recursion, reports that its stack was too small. */
const STACK_OVERFLOW = "Maximum call stack";

/**
 * Parses YAML 1.2. Errors, duplicate keys, nesting that is too deep and
 * aliases inside what they stand for end up in `errors`; nothing is thrown, whatever the
 * text. Documents with errors of syntax are left out.
 */
export function parseYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const errors = new ErrorList(file, lines);
  const checks = new TreeChecks(errors);
  const documents: ParsedNode[] = [];
  const resolve = (alias: Alias): Node | undefined => checks.resolve(alias);
  if (text.length > MAX_LENGTH) {
    errors.add(0, "document", `is longer than ${MAX_LENGTH} characters; split it`);
    return { documents, errors, resolve };
  }
  // The library's own check for duplicate keys takes quadratic time.
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  for (const document of Array.isArray(parsed) ? parsed : []) {
    // Warnings are about tags that nobody knows and directives that nobody obeys.
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      errors.add(pos[0], "document", message.startsWith(STACK_OVERFLOW) ? TOO_DEEP : shorten(message));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    checks.check(document.contents);
    documents.push(document.contents);
  }
  return { documents, errors, resolve };
}
