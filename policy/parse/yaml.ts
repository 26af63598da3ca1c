import { type Alias, LineCounter, type Node, type ParsedNode } from "yaml";
import { ErrorList } from "./error-list.ts";
import { TreeChecks } from "./tree-checks.ts";
import { yamlDocuments } from "./yaml-documents.ts";

/** A file's documents, checked for what YAML lets anybody do to a reader. */
export interface YamlFile {
  readonly documents: readonly ParsedNode[];
  /** What an alias stands for; undefined where that is unknown, or the aliases of the file repeat too much. */
  resolve(alias: Alias): Node | undefined;
  readonly errors: ErrorList;
}

/** Longest text, in UTF-16 units. The library takes about a second for a million. */
const MAX_LENGTH = 4 * 1024 * 1024;

/**
 * Parses YAML 1.2. Errors, duplicate keys, nesting that is too deep and
 * aliases inside what they stand for end up in `errors`; nothing is thrown, whatever the
 * text. Documents with errors of syntax are left out.
 *
 * @param firstLine That the text begins with, where it is a part of the file.
 */
export function parseYaml(text: string, file: string, firstLine = 1): YamlFile {
  const lines = new LineCounter();
  const errors = new ErrorList(file, lines, firstLine);
  const checks = new TreeChecks(errors);
  const documents: ParsedNode[] = [];
  const resolve = (alias: Alias): Node | undefined => checks.resolve(alias);
  if (text.length > MAX_LENGTH) {
    errors.add(0, "document", `is longer than ${MAX_LENGTH} characters; split it`);
    return { documents, errors, resolve };
  }
  countLines(text, lines);
  withoutStackTraces(() => {
    for (const document of yamlDocuments(text, errors)) documents.push(document);
  });
  for (const document of documents) checks.check(document);
  return { documents, errors, resolve };
}

/** The library's parser counts, too, but misses the ends of lines inside of what is no YAML. */
function countLines(text: string, lines: LineCounter): void {
  lines.addNewLine(0);
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) lines.addNewLine(end + 1);
}

/** The library makes an Error of every fault; in a text that is full of them their traces take most of the time. */
function withoutStackTraces(run: () => void): void {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
