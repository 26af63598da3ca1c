import { closeSync, fstatSync, openSync, statSync } from "node:fs";

import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { describeErrno } from "#agent/netlink/error.ts";

import { CniError, ErrorCode } from "./errors.ts";
import { libc } from "./libc.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

const CLONE_NEWNET = 0x40000000;

/** The container's network namespace. */
export class Namespace implements Disposable {
  readonly path: string;
  /** Open on the namespace. */
  readonly fd: number;
  /** Tells the namespace from every other that lives now. */
  readonly inode: number;
  /** Netlink inside the namespace, usable from outside. */
  readonly connection: NetlinkConnection;
  readonly #socket: NetlinkSocket;

  /** @throws CniError INVALID_ENVIRONMENT, or INVALID_NETNS when it is the process's own. */
  constructor(path: string) {
    this.path = path;
    try {
      this.fd = openSync(path, "r");
    } catch (error) {
      const message = `CNI_NETNS ${JSON.stringify(path)} cannot be opened: ${(error as Error).message}`;
      throw new CniError(ErrorCode.INVALID_ENVIRONMENT, message, "", { cause: error });
    }
    try {
      const own = statSync("/proc/self/ns/net");
      const { ino, dev } = fstatSync(this.fd);
      if (ino === own.ino && dev === own.dev) {
        const message = `CNI_NETNS ${JSON.stringify(path)} is the network namespace of the node itself`;
        throw new CniError(ErrorCode.INVALID_NETNS, message);
      }
      this.inode = ino;
      this.#socket = this.inside(() => new NetlinkSocket());
      this.connection = new NetlinkConnection(this.#socket);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Runs a function in the namespace and comes back; files of /proc/sys/net that it opens are the namespace's. */
  inside<T>(run: () => T): T {
    const home = openSync("/proc/self/ns/net", "r");
    try {
      const entered = libc().setns(this.fd, CLONE_NEWNET);
      if (entered < 0) {
        const reason = describeErrno(-entered);
        const message = `CNI_NETNS ${JSON.stringify(this.path)} cannot be entered: ${reason}`;
        throw new CniError(ErrorCode.INVALID_ENVIRONMENT, message);
      }
      try {
        return run();
      } finally {
        const left = libc().setns(home, CLONE_NEWNET);
        // What follows would happen in the wrong place, so this goes before any error of `run`.
        // eslint-disable-next-line no-unsafe-finally
        if (left < 0) throw new CniError(ErrorCode.NETWORK, `leave network namespace: ${describeErrno(-left)}`);
      }
    } finally {
      closeSync(home);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    closeSync(this.fd);
  }
}
