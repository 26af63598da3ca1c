import { constants } from "node:os";

import { littleEndian, viewOf } from "#agent/netlink/bytes.ts";
import { Socket } from "#agent/netlink/constants.ts";
import type { NetlinkTransport } from "#agent/netlink/transport.ts";

import { NetError } from "./error.ts";
import { errnoName, libc } from "./libc.ts";

/** The kernel makes no message of a dump longer than 32 KiB. */
const bufferSize = 64 * 1024;

/** A route netlink socket of the network namespace that the thread is in when it is opened. */
export class NetlinkSocket implements NetlinkTransport, Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(bufferSize);
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * @param groups bits of Group: which changes the kernel is to tell of.
   * @throws NetError `socket`.
   */
  static open(groups = 0): NetlinkSocket {
    const fd = libc().socket(Socket.AF_NETLINK, Socket.SOCK_RAW | Socket.SOCK_CLOEXEC, Socket.NETLINK_ROUTE);
    if (fd < 0) throw new NetError("socket", `open netlink socket: ${errnoName(fd)}`);
    const socket = new NetlinkSocket(fd);
    try {
      // Older kernels lack some of these: then errors are shorter, and dumps longer.
      for (const option of [Socket.NETLINK_CAP_ACK, Socket.NETLINK_EXT_ACK, Socket.NETLINK_GET_STRICT_CHK]) {
        libc().setOption(fd, Socket.SOL_NETLINK, option, 1);
      }
      socket.#bind(groups);
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  send(bytes: Uint8Array): void {
    const result = libc().send(this.#fd, bytes);
    if (result !== bytes.length) throw new NetError("socket", `send netlink request: ${errnoName(result)}`);
  }

  /** Sends on a thread of the pool; resolves when the kernel has done what was asked. */
  async sendElsewhere(bytes: Uint8Array): Promise<void> {
    const result = await libc().sendElsewhere(this.#fd, bytes);
    if (result !== bytes.length) throw new NetError("socket", `send netlink request: ${errnoName(result)}`);
  }

  receive(): Uint8Array {
    const length = libc().receive(this.#fd, this.#buffer);
    if (length < 0) throw new NetError("socket", `receive netlink answer: ${errnoName(length)}`);
    if (length > bufferSize) throw new NetError("socket", `receive netlink answer: ${length} bytes are too many`);
    return this.#buffer.subarray(0, length);
  }

  /** Takes in all notifications that wait, and says whether there were any, or any were lost. */
  drain(): boolean {
    let any = false;
    for (;;) {
      const length = libc().receive(this.#fd, this.#buffer);
      if (length === -constants.errno.EAGAIN) return any;
      if (length < 0 && length !== -constants.errno.ENOBUFS) {
        throw new NetError("socket", `receive netlink notification: ${errnoName(length)}`);
      }
      any = true;
    }
  }

  [Symbol.dispose](): void {
    if (this.#open) libc().close(this.#fd);
    this.#open = false;
  }

  /** struct sockaddr_nl: {u16 family, u16, u32 port: the kernel's choice, u32 groups}. */
  #bind(groups: number): void {
    const address = new Uint8Array(12);
    viewOf(address).setUint16(0, Socket.AF_NETLINK, littleEndian);
    viewOf(address).setUint32(8, groups, littleEndian);
    const result = libc().bind(this.#fd, address);
    if (result < 0) throw new NetError("socket", `bind netlink socket: ${errnoName(result)}`);
  }
}
