import { chmodSync, chownSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ApiError } from "./errors.ts";
import type { Warn } from "./handler.ts";
import type { Group } from "./socket-groups.ts";

/** Connections that wait to be taken; the kernel takes no more than net.core.somaxconn. */
const backlog = 4096;

/** Bytes of `sun_path` without its closing zero. */
const longestPath = 107;

/**
 * Listens on a Unix socket that only root and a group can open (mode 0660); null: only root.
 * A socket file that is there already is replaced: the caller holds the run folder, so
 * it is that of an agent that was killed.
 *
 * @throws ApiError `socket` when the path is too long, or is something else than a socket.
 */
export async function listenOnUnixSocket(server: Server, path: string, group: Group | null, warn: Warn): Promise<void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new ApiError("socket", {
      asked: `listen on ${path}`,
      obstacle: `a socket's path has at most ${longestPath} bytes`,
      remedy: "use a shorter --run-dir",
    });
  }
  removeSocket(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  // Node binds within the call, so that there is no moment with wider rights.
  const mask = process.umask(group === null ? 0o177 : 0o117);
  try {
    server.listen({ path, backlog }, resolve);
  } finally {
    process.umask(mask);
  }
  try {
    await promise;
  } catch (error) {
    throw new ApiError("socket", { asked: `listen on ${path}`, obstacle: reasonOf(error) }, { cause: error });
  }
  server.removeListener("error", reject);
  if (group !== null) giveToGroup(path, group, warn);
}

/** Removes a socket file, if there is one. */
export function removeSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new ApiError("socket", {
      asked: `replace ${path}`,
      obstacle: "it is not a socket",
      remedy: "remove it or use another --run-dir",
    });
  }
  rmSync(path, { force: true });
}

function giveToGroup(path: string, { name, id }: Group, warn: Warn): void {
  if (id === undefined) {
    warn(`share ${path}: there is no group ${name}, so only root can use it; \`groupadd --system ${name}\` makes it`);
    return;
  }
  try {
    chownSync(path, process.geteuid?.() ?? 0, id);
    chmodSync(path, 0o660);
  } catch (error) {
    warn(`share ${path} with group ${name}: ${reasonOf(error)}`, error);
  }
}
