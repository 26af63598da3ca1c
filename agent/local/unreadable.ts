import { isErrno, reasonOf } from "#agent/runtime/errors.ts";

type Wanted = "file" | "folder";

/** Input that cannot be read: bad input, not a failure of ours. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";

  /** @param wanted What the path was to be. */
  constructor(path: string, wanted: Wanted, cause: unknown) {
    super(`read ${path}: ${obstacle(wanted, cause)}`, { cause });
  }
}

/** What a reading gives. @throws UnreadableError in place of the system's error. */
export async function reading<T>(path: string, wanted: Wanted, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new UnreadableError(path, wanted, error);
  }
}

function obstacle(wanted: Wanted, cause: unknown): string {
  if (isErrno(cause, "EISDIR")) return "is a folder; a file is wanted";
  if (isErrno(cause, "ENOTDIR") && wanted === "folder") return "is a file; a folder is wanted";
  if (isErrno(cause, "ENOENT") || isErrno(cause, "ENOTDIR")) return `no such ${wanted}`;
  if (isErrno(cause, "EACCES")) return "you may not read it";
  return reasonOf(cause);
}
