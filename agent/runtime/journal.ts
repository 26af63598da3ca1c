import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import * as z from "zod";
import { isErrno, WeirError } from "./errors.ts";
import { writeAll, writeFileAtomic } from "./files.ts";

/** A state file is not what was written to it. */
export class JournalError extends WeirError<"journal-corrupt"> {
  constructor(path: string, line: number, obstacle: string) {
    super("journal-corrupt", {
      asked: `read state file ${path}`,
      obstacle: `line ${line} ${obstacle}`,
      remedy: "restore the file from a backup, or move it away to start without it",
    });
  }
}

/**
 * A file of records that only grows, one line each: checksum, blank, JSON.
 *
 * A record that {@link append} wrote survives the death of the process. It is not forced
 * to the disk: use it for what only matters while the machine runs. A write that was cut
 * short leaves a damaged end, which opening cuts off. Damage before sound lines is an
 * error: something else wrote there.
 */
export class Journal<T> implements Disposable {
  readonly #path: string;
  #descriptor: number;
  #lines: number;
  /** Bytes of the file that are whole lines. */
  #size: number;

  private constructor(path: string, descriptor: number, lines: number, size: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#lines = lines;
    this.#size = size;
  }

  /**
   * Opens or makes the file, and gives the records that it holds.
   *
   * @throws JournalError when a line in the middle is damaged or a record does not fit the schema.
   */
  static open<T>(path: string, schema: z.ZodType<T>): { journal: Journal<T>; records: T[] } {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const { records, soundBytes } = read(path, schema);
    const descriptor = openSync(path, "a", 0o600);
    ftruncateSync(descriptor, soundBytes);
    return { journal: new Journal<T>(path, descriptor, records.length, soundBytes), records };
  }

  /** How many lines the file has: what {@link rewrite} would save is judged by this. */
  get length(): number {
    return this.#lines;
  }

  /** Writes all of the records or, when the disk is full, none of them. */
  append(...records: readonly T[]): void {
    if (records.length === 0) return;
    const bytes = Buffer.from(records.map(encodeLine).join(""));
    try {
      writeAll(this.#descriptor, bytes);
    } catch (error) {
      // A part of a line must not stand before the lines to come.
      ftruncateSync(this.#descriptor, this.#size);
      throw error;
    }
    this.#size += bytes.length;
    this.#lines += records.length;
  }

  /** Replaces all records in one step. */
  rewrite(records: readonly T[]): void {
    const bytes = Buffer.from(records.map(encodeLine).join(""));
    writeFileAtomic(this.#path, bytes);
    const old = this.#descriptor;
    this.#descriptor = openSync(this.#path, "a", 0o600);
    this.#lines = records.length;
    this.#size = bytes.length;
    closeSync(old);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function encodeLine(record: unknown): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

function read<T>(path: string, schema: z.ZodType<T>): { records: T[]; soundBytes: number } {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { records: [], soundBytes: 0 };
    throw error;
  }
  const records: T[] = [];
  let soundBytes = 0;
  let damaged: number | null = null;
  for (let start = 0, line = 1; start < content.length; line++) {
    const newline = content.indexOf(0x0a, start);
    const end = newline === -1 ? content.length : newline;
    const [sum, text] = [content.toString("utf8", start, start + 8), content.toString("utf8", start + 9, end)];
    start = end + 1;
    if (newline === -1 || checksum(text) !== sum) {
      damaged ??= line;
      continue;
    }
    if (damaged !== null) throw new JournalError(path, damaged, "is damaged and sound lines follow it");
    const result = schema.safeParse(JSON.parse(text));
    if (!result.success) throw new JournalError(path, line, `is of another kind: ${z.prettifyError(result.error)}`);
    records.push(result.data);
    soundBytes = start;
  }
  return { records, soundBytes };
}
