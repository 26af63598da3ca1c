import { closeSync, constants, openSync } from "node:fs";
import { constants as system } from "node:os";
import { NetError } from "./error.ts";
import { errnoName, libc } from "./libc.ts";

/**
 * Takes the exclusive lock of a folder until it is disposed of or the process ends, however it ends: flock(2), which works on a BPF
 * file system as well. Does not wait.
 *
 * @returns null when another process has it.
 * @throws NetError `lock`.
 */
export function tryLockFolder(path: string): Disposable | null {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const result = libc().lockFile(fd);
  if (result === 0) return { [Symbol.dispose]: () => closeSync(fd) };
  closeSync(fd);
  if (result === -system.errno.EWOULDBLOCK) return null;
  throw new NetError("lock", `lock folder ${path}: flock: ${errnoName(result)}`);
}
