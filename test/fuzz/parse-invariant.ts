import { isDeepStrictEqual } from "node:util";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError, type LocatedError } from "#policy/parse/located-error.ts";
import { type ParsedObjects, parseObjects } from "#policy/parse/objects.ts";
import { objectShape } from "./object-shape.ts";

const FILE = "fuzz.yaml";

export interface ParseOutcome {
  /** What the parser has done that it never may; null when all is well. */
  readonly violation: string | null;
  /** Null when it threw. */
  readonly parsed: ParsedObjects | null;
}

/** Parses any text, and looks whether the parser keeps its word. */
export function parseAnything(text: string): ParseOutcome {
  let parsed: ParsedObjects;
  try {
    parsed = parseObjects(text, FILE);
  } catch (error) {
    return {
      violation: `throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      parsed: null,
    };
  }
  const lines = text.split("\n");
  return { violation: parsed.ok ? faultOfObjects(parsed.objects, lines) : faultOfErrors(parsed.errors, lines), parsed };
}

function faultOfErrors(errors: readonly LocatedError[], lines: readonly string[]): string | null {
  if (errors.length === 0) return "refuses without an error";
  for (const error of errors) {
    const { file, line, column, field, message } = error;
    const isOnOneLine = message !== "" && field !== "" && !/[\n\r]/.test(message + field);
    const length = lines[line - 1]?.length;
    const isInside = length === undefined ? line === lines.length + 1 : column <= length + 1;
    if (file !== FILE || !isOnOneLine || line < 1 || column < 1 || !isInside) {
      return `reports outside of the text, or badly: ${formatLocatedError(error)}`;
    }
  }
  return null;
}

function faultOfObjects(objects: readonly PolicyObject[], lines: readonly string[]): string | null {
  const keys = new Set<string>();
  for (const object of objects) {
    const key = objectKey(object);
    if (keys.has(key)) return `gives ${key} twice`;
    keys.add(key);
    const shape = objectShape.safeParse(object);
    if (!shape.success) return `gives ${key} with a wrong shape: ${shape.error.message}`;
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(object)), object))
      return `gives ${key} with what JSON cannot hold`;
    const { line } = object.source;
    if (line === null || line > lines.length) return `gives ${key} at line ${line}`;
  }
  return null;
}
