import type { LineCounter } from "yaml";
import type { LocatedError } from "./located-error.ts";
import { oneLine } from "./text.ts";

/** Collects the errors of one file. */
export class ErrorList {
  /** Of a file with more errors than this, the rest is not reported. */
  static readonly LIMIT = 1000;

  readonly file: string;
  readonly errors: LocatedError[] = [];
  readonly #lines: LineCounter;
  readonly #before: number;

  /** @param firstLine That the text begins with, where it is a part of the file. */
  constructor(file: string, lines: LineCounter, firstLine = 1) {
    this.file = file;
    this.#lines = lines;
    this.#before = firstLine - 1;
  }

  /** @param offset Place in the text, in UTF-16 units. */
  add(offset: number, field: string, said: string): void {
    if (this.isFull) return;
    const message = oneLine(said);
    const { line, col } = this.#position(offset);
    const last = this.errors.at(-1);
    // The library sometimes says one thing several times.
    const isSaid = last?.line === line && last.column === col && last.message === message && last.field === field;
    if (!isSaid) this.errors.push({ file: this.file, line, column: col, field, message });
  }

  get isFull(): boolean {
    return this.errors.length >= ErrorList.LIMIT;
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
    return { line: this.#before + Math.max(line, 1), col: Math.max(col, 1) };
  }
}
