import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";

import { NetlinkConnection } from "#agent/netlink/connection.ts";

import { NetError } from "./error.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { withNetns } from "./netns.ts";

/** Where a network namespace is: its path, and the descriptor of a process that has it open. */
export interface NamespaceReference {
  readonly path: string;
  readonly pid: number;
  readonly fd: number;
  /** What tells the namespace from every other that lives now. */
  readonly device: number;
  readonly inode: number;
}

/** A container's network namespace, held open. */
export class PodNamespace implements Disposable {
  readonly inode: number;
  /** Netlink inside the namespace, usable from outside. */
  readonly connection: NetlinkConnection;
  /** Open on the namespace. */
  readonly fd: number;
  readonly #socket: NetlinkSocket;

  /**
   * By its path, or, where that leads nowhere from here (mounts of the node that the agent does not see) or to
   * another namespace, by the process that has it open.
   *
   * @throws NetError `netns`.
   */
  constructor(reference: NamespaceReference) {
    this.fd = openReference(reference);
    this.inode = reference.inode;
    try {
      this.#socket = this.inside(() => NetlinkSocket.open());
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
    this.connection = new NetlinkConnection(this.#socket);
  }

  /** Runs a function in the namespace and comes back; nothing may be awaited inside. */
  inside<T>(run: () => T extends PromiseLike<unknown> ? never : T): T {
    return withNetns(`/proc/self/fd/${this.fd}`, run);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    closeSync(this.fd);
  }
}

function openReference({ path, pid, fd, device, inode }: NamespaceReference): number {
  for (const candidate of [path, `/proc/${pid}/fd/${fd}`]) {
    try {
      // Looked at before it is opened, and never waited for: it could be a named pipe or a device, also by what the
      // caller says of it. A namespace is a regular file.
      const found = statSync(candidate);
      if (!found.isFile() || found.dev !== device || found.ino !== inode) continue;
      const opened = openSync(candidate, constants.O_RDONLY | constants.O_NONBLOCK);
      const its = fstatSync(opened);
      if (its.dev === device && its.ino === inode) return opened;
      closeSync(opened);
    } catch {
      // Not to be seen from here, or gone: the other way may lead to it.
    }
  }
  throw new NetError(
    "netns",
    `open network namespace ${path}: it is not there, and process ${pid} does not have it open any more`,
  );
}
