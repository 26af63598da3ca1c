import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { constants as system } from "node:os";
import { errnoName, libc } from "#agent/net/libc.ts";
import { WeirError } from "#agent/runtime/errors.ts";

export class FolderError extends WeirError<"in-use" | "lock"> {}

/**
 * Makes a folder this process's own until the lock is disposed of or the process ends,
 * however it ends: flock(2), which works on a BPF file system as well. The folder is made
 * if it is missing.
 *
 * @param option the one that names another folder, for the message.
 * @throws FolderError `in-use` when another process has it.
 */
export function lockFolder(path: string, option: string): Disposable {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const result = libc().lockFile(fd);
  if (result === 0) return { [Symbol.dispose]: () => closeSync(fd) };
  closeSync(fd);
  const asked = `use the folder ${path}`;
  if (result === -system.errno.EWOULDBLOCK) {
    const remedy = `stop that one or use another ${option}`;
    throw new FolderError("in-use", { asked, obstacle: "another agent has it", remedy });
  }
  throw new FolderError("lock", { asked, obstacle: `flock: ${errnoName(result)}` });
}
