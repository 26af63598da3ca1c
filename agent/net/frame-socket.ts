import { NetError } from "./error.ts";
import { errnoName, libc } from "./libc.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;

/** Of a device that is gone or down: nobody is there to take the frame. */
const absent: ReadonlySet<string> = new Set(["ENXIO", "ENODEV", "ENETDOWN"]);

/** Sends frames by devices of this network namespace, past their queues and the programs on them (packet(7)); receives none. */
export class FrameSocket implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws NetError `socket`. */
  static open(): FrameSocket {
    const fd = libc().socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) throw new NetError("socket", `open packet socket: ${errnoName(fd)}`);
    const result = libc().setOption(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    if (result >= 0) return new FrameSocket(fd);
    libc().close(fd);
    throw new NetError("socket", `set up packet socket: PACKET_QDISC_BYPASS: ${errnoName(result)}`);
  }

  /**
   * @returns whether there was a device to send it by.
   * @throws NetError `socket` for anything else that went wrong.
   */
  send(ifindex: number, frame: Uint8Array): boolean {
    // struct sockaddr_ll: family and index in the machine's order, no protocol, no address.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setInt32(4, ifindex, true);
    const sent = libc().sendTo(this.#fd, frame, new Uint8Array(address.buffer));
    if (sent >= 0) return true;
    if (absent.has(errnoName(sent))) return false;
    throw new NetError("socket", `send frame by device ${ifindex}: ${errnoName(sent)}`);
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}
