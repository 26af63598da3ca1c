import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "corpus");
const bytesFolder = join(import.meta.dirname, "protocols/corpus");

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
export function keepText(target: string, text: string): string {
  const path = join(folder, target, `found-${hashOf(text)}.yaml`);
  writeFileSync(path, text);
  return path;
}

/** Inputs of a protocol that once did harm. */
export function keptBytes(protocol: string): Buffer[] {
  const path = join(bytesFolder, protocol);
  return existsSync(path) ? readdirSync(path).map((name) => readFileSync(join(path, name))) : [];
}

/** Keeps an input of a protocol that did harm, for good. Returns its path. */
export function keepBytes(protocol: string, bytes: Buffer): string {
  mkdirSync(join(bytesFolder, protocol), { recursive: true });
  const path = join(bytesFolder, protocol, `found-${hashOf(bytes)}.bin`);
  writeFileSync(path, bytes);
  return path;
}

function hashOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 12);
}
