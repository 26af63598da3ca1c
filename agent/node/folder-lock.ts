import { mkdirSync } from "node:fs";
import { tryLockFolder } from "#agent/net/folder-lock.ts";
import { WeirError } from "#agent/runtime/errors.ts";

export class FolderError extends WeirError<"in-use"> {}

/**
 * Makes a folder this process's own until the lock is disposed of or the process ends,
 * however it ends. The folder is made if it is missing.
 *
 * @param option the one that names another folder, for the message.
 * @throws FolderError `in-use` when another process has it.
 */
export function lockFolder(path: string, option: string): Disposable {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = tryLockFolder(path);
  if (lock) return lock;
  const remedy = `stop that one or use another ${option}`;
  throw new FolderError("in-use", { asked: `use the folder ${path}`, obstacle: "another agent has it", remedy });
}
