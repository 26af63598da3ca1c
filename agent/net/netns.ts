import { closeSync, openSync, statSync } from "node:fs";

import { NetError } from "./error.ts";
import { errnoName, libc } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Runs `fn` with this thread in another network namespace, and comes back.
 *
 * Only what happens within the call is in that namespace: sockets that are made, files
 * of /proc/sys/net that are opened. Nothing may be awaited inside, since everything else
 * that the event loop runs would be there too; the type forbids a promise.
 *
 * @param path of the namespace, e.g. `/run/netns/blue` or `/proc/123/ns/net`.
 * @throws NetError `netns` when it cannot be entered, `netns-lost` when there is no way back.
 */
export function withNetns<T>(path: string, fn: () => T extends PromiseLike<unknown> ? never : T): T {
  const target = open(path);
  try {
    const home = open("/proc/thread-self/ns/net");
    try {
      const entered = libc().setns(target, CLONE_NEWNET);
      if (entered < 0) throw new NetError("netns", `enter network namespace ${path}: ${errnoName(entered)}`);
      try {
        return fn();
      } finally {
        const left = libc().setns(home, CLONE_NEWNET);
        // eslint-disable-next-line no-unsafe-finally -- nothing that `fn` did matters any more
        if (left < 0) throw new NetError("netns-lost", `leave network namespace ${path}: ${errnoName(left)}`);
      }
    } finally {
      closeSync(home);
    }
  } finally {
    closeSync(target);
  }
}

/**
 * The number that tells a network namespace from every other one that lives now.
 * @throws NetError `netns` when there is nothing at the path.
 */
export function netnsInode(path: string): number {
  try {
    return statSync(path).ino;
  } catch (error) {
    throw new NetError("netns", `read network namespace ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw new NetError("netns", `open network namespace ${path}: ${(error as Error).message}`, { cause: error });
  }
}
