import { readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { PROXY_SOCKET, proxySocket } from "#agent/proxy/messages.ts";
import { isErrno } from "#agent/runtime/errors.ts";

/**
 * Ends the proxies of a run folder at once, with the connections that they serve, and removes their sockets.
 *
 * @returns the process ids of those that lived.
 */
export async function endProxies(runDir: string): Promise<number[]> {
  const ended: number[] = [];
  for (const name of await readdir(runDir).catch(ifMissing([]))) {
    const pid = Number(PROXY_SOCKET.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    const path = join(runDir, name);
    if (await isProxy(pid, runDir)) {
      await end(pid, path);
      ended.push(pid);
    }
    await rm(path, { force: true });
  }
  await rm(proxySocket(runDir), { force: true });
  return ended;
}

/** Whether that process is the proxy that has the socket: not one with its number, of another process namespace. */
async function isProxy(pid: number, runDir: string): Promise<boolean> {
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(ifMissing(""))).split("\0");
  return words.includes("proxy") && words.includes(resolve(runDir));
}

/** Resolves when its socket is closed: with its process. */
async function end(pid: number, path: string): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  connect(path)
    .resume()
    .on("error", () => {}) // `close` follows
    .on("close", () => resolve());
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
  await closed;
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return value;
    throw error;
  };
}
