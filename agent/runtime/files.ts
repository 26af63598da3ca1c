import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import * as z from "zod";
import { isErrno, reasonOf } from "./errors.ts";

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

export interface WriteOptions {
  /** Permissions of the file; 0600 unless told. */
  readonly mode?: number;
  /** False: for what is of no use when the machine has lost power; the death of the process it survives in any case. */
  readonly durable?: boolean;
}

/**
 * Replaces a file so that a reader, and a restart after a crash at any point, finds the
 * old content or the new one: temporary file beside it, rename; where it is to be durable, with
 * fsync of the file before and of the folder behind it.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  const { mode = 0o600, durable = true } = options;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const descriptor = openSync(temporary, "wx", mode);
    try {
      // The umask, which may be anything, has had its say.
      if (options.mode !== undefined) fchmodSync(descriptor, options.mode);
      writeAll(descriptor, typeof content === "string" ? Buffer.from(content) : content);
      if (durable) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(folder);
}

/** Removes a file, unless told otherwise for good, also if the machine loses power next. True if there was one. */
export function removeFile(path: string, { durable = true }: Pick<WriteOptions, "durable"> = {}): boolean {
  try {
    rmSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
  if (durable) syncFolder(dirname(path));
  return true;
}

/** Removes what writes that a crash cut short have left in a folder. */
export function removeTemporaries(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (TEMPORARY.test(name)) rmSync(join(folder, name), { force: true });
  }
}

export type JsonFile<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly missing: boolean; readonly message: string };

/** Reads a JSON file and parses it with a schema. Never throws: a state file may be anything. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>): JsonFile<T> {
  try {
    const result = schema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    if (result.success) return { ok: true, value: result.data };
    return { ok: false, missing: false, message: `${path}: ${z.prettifyError(result.error)}` };
  } catch (error) {
    return { ok: false, missing: isErrno(error, "ENOENT"), message: `${path}: ${reasonOf(error)}` };
  }
}

/** Writes every byte: one system call may write fewer than it was given. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(descriptor, bytes, written, bytes.length - written);
  }
}

/** What was renamed, made or removed in a folder stays so, also if the machine loses power next. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
