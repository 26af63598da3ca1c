import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { reasonOf } from "#agent/runtime/errors.ts";

/** A larger file is refused: parsing it would stop the agent for seconds. */
const SIZE_MAX = 64 * 1024 * 1024;

/** Tells one state of a file from another without reading it. */
export type Signature = string;

export type ObjectFile =
  | { readonly state: "same" }
  /** Somebody may be writing it. */
  | { readonly state: "unsettled" }
  | { readonly state: "unreadable"; readonly message: string }
  | { readonly state: "read"; readonly text: string; readonly signature: Signature | null };

export interface ReadOptions {
  /** The signature at the last reading; null: none. */
  readonly last: Signature | null;
  /** Milliseconds for which a file must not have changed before it is read. */
  readonly settle: number;
  /** At start: read the file also when it is not settled, and again soon. */
  readonly first: boolean;
}

/** Reads a file of objects if it has changed and its writer seems to have finished. */
export function readObjectFile(path: string, { last, settle, first }: ReadOptions): ObjectFile {
  let descriptor: number;
  try {
    // Without O_NONBLOCK the opening of a FIFO would stop the agent.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { state: "unreadable", message: `cannot be read: ${reasonOf(error)}` };
  }
  try {
    const before = fstatSync(descriptor);
    if (!before.isFile()) return { state: "unreadable", message: "is not a regular file" };
    if (before.size > SIZE_MAX) return { state: "unreadable", message: `is larger than ${SIZE_MAX} bytes` };
    if (signatureOf(before) === last) return { state: "same" };
    const settled = isSettled(before, settle);
    if (!settled && !first) return { state: "unsettled" };
    const text = readFileSync(descriptor, "utf8");
    const unchanged = signatureOf(fstatSync(descriptor)) === signatureOf(before);
    if (!unchanged && !first) return { state: "unsettled" };
    return { state: "read", text, signature: settled && unchanged ? signatureOf(before) : null };
  } catch (error) {
    return { state: "unreadable", message: `cannot be read: ${reasonOf(error)}` };
  } finally {
    closeSync(descriptor);
  }
}

function signatureOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): Signature {
  return [dev, ino, size, mtimeMs, ctimeMs].join("/");
}

/** A time in the future says nothing: somebody has set it, or the clock has stepped. */
function isSettled({ mtimeMs, ctimeMs }: Stats, settle: number): boolean {
  const age = Date.now() - Math.max(mtimeMs, ctimeMs);
  return age < 0 || age >= settle;
}
