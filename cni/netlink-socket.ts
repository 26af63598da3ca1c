import { closeSync } from "node:fs";

import { Socket } from "#agent/netlink/constants.ts";
import { describeErrno } from "#agent/netlink/error.ts";
import type { NetlinkTransport } from "#agent/netlink/transport.ts";

import { CniError, ErrorCode } from "./errors.ts";
import { libc } from "./libc.ts";

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/** A route netlink socket of the network namespace that the process is in when it is opened. */
export class NetlinkSocket implements NetlinkTransport, Disposable {
  readonly #fd: number;
  /** The kernel makes no message of a dump longer than 32 KiB. */
  readonly #buffer = new Uint8Array(64 * 1024);

  /** @throws CniError NETWORK. */
  constructor() {
    this.#fd = checked(
      "open netlink socket",
      libc().socket(Socket.AF_NETLINK, Socket.SOCK_RAW | Socket.SOCK_CLOEXEC, Socket.NETLINK_ROUTE),
    );
    // Older kernels lack some of these: then errors are shorter, and dumps longer.
    for (const option of [Socket.NETLINK_CAP_ACK, Socket.NETLINK_EXT_ACK, Socket.NETLINK_GET_STRICT_CHK]) {
      libc().setOption(this.#fd, Socket.SOL_NETLINK, option, Int32Array.of(1));
    }
  }

  send(bytes: Uint8Array): void {
    checked("send netlink request", libc().send(this.#fd, bytes));
  }

  receive(): Uint8Array {
    const length = libc().receive(this.#fd, this.#buffer, MSG_TRUNC | MSG_DONTWAIT);
    checked("receive netlink answer", length);
    if (length > this.#buffer.length) {
      throw new CniError(ErrorCode.NETWORK, `receive netlink answer: ${length} bytes are too many`);
    }
    return this.#buffer.subarray(0, length);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function checked(what: string, result: number): number {
  if (result < 0) throw new CniError(ErrorCode.NETWORK, `${what}: ${describeErrno(-result)}`);
  return result;
}
