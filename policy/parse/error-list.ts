import type { LineCounter } from "yaml";
import type { LocatedError } from "./located-error.ts";

/** Of a file with more errors than this, the rest is not reported. */
const LIMIT = 1000;

/** Collects the errors of one file. */
export class ErrorList {
  readonly file: string;
  readonly errors: LocatedError[] = [];
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.file = file;
    this.#lines = lines;
  }

  /** @param offset Place in the text, in UTF-16 units. */
  add(offset: number, field: string, message: string): void {
    if (this.errors.length >= LIMIT) return;
    const { line, col } = this.#position(offset);
    this.errors.push({ file: this.file, line, column: col, field, message });
  }

  /** @returns From 1. */
  lineOf(offset: number): number {
    return this.#position(offset).line;
  }

  /** In the order of the text. */
  sorted(): LocatedError[] {
    return this.errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  #position(offset: number): { line: number; col: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), col: Math.max(col, 1) };
  }
}
