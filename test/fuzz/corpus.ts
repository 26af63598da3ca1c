import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "corpus");

/** Names of targets: the kinds that the parser reads. Each has a folder of files to begin with, and of inputs that once did harm. */
export function targets(): string[] {
  return readdirSync(folder).sort();
}

export interface CorpusFile {
  readonly name: string;
  readonly text: string;
}

export function corpusOf(target: string): CorpusFile[] {
  const names = readdirSync(join(folder, target)).sort();
  return names.map((name) => ({ name, text: readFileSync(join(folder, target, name), "utf8") }));
}

/** The rich, valid file of a kind. */
export function fullText(target: string): string {
  return readFileSync(join(folder, target, "full.yaml"), "utf8");
}

/** Keeps an input that did harm, for good. Returns its path. */
export function keep(target: string, text: string): string {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  const path = join(folder, target, `found-${hash}.yaml`);
  writeFileSync(path, text);
  return path;
}
