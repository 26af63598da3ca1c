import { readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { reasonOf } from "./errors.ts";

/** A value of the file as text, and where it stands: `weir.yaml:3:10`. */
export interface FileSetting {
  readonly flag: string;
  readonly text: string;
  readonly origin: string;
}

export interface FileProblem {
  readonly flag: string | null;
  readonly origin: string;
  readonly message: string;
}

export interface ConfigFile {
  readonly settings: readonly FileSetting[];
  readonly problems: readonly FileProblem[];
}

function scalarText(node: unknown): string | null {
  if (!isScalar(node)) return null;
  const { value } = node;
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  // What was written, not what it became: 1_000 and 0x10 are for the option's own parser to refuse.
  return typeof value === "number" ? (node.source ?? String(value)) : null;
}

/**
 * Reads a configuration file: a YAML mapping of option names to scalars, or to lists of
 * scalars where an option takes several. A key without a value is as if it were absent.
 */
export function readConfigFile(path: string): ConfigFile {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    return { settings: [], problems: [{ flag: "config", origin: path, message: reasonOf(error) }] };
  }
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const problems: FileProblem[] = document.errors.map((error) => ({
    flag: null,
    origin: at(error.pos[0]),
    message: error.message,
  }));
  if (problems.length > 0 || document.contents === null) return { settings: [], problems };
  if (!isMap(document.contents)) {
    return {
      settings: [],
      problems: [{ flag: null, origin: `${path}:1:1`, message: "a mapping of options is wanted" }],
    };
  }
  const settings: FileSetting[] = [];
  for (const { key, value } of document.contents.items) {
    const flag = isScalar(key) ? String(key.value) : "?";
    const node = value ?? key;
    const offset = (node as { range?: [number, number, number] | null }).range?.[0] ?? 0;
    if (value === null || (isScalar(value) && value.value === null)) continue;
    const texts = isSeq(value) ? value.items.map(scalarText) : [scalarText(value)];
    if (texts.some((text) => text === null)) {
      problems.push({ flag, origin: at(offset), message: "a word, a number or a list of them is wanted" });
    } else {
      settings.push({ flag, text: texts.join(","), origin: at(offset) });
    }
  }
  return { settings, problems };
}
