import { libc } from "#agent/net/libc.ts";
import { withNetns } from "#agent/net/netns.ts";
import { mustRunNow } from "#agent/local/command.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_MARK = 36;

interface Options {
  /**
   * Of what it sees, unless that is everything that comes and goes; 0: nothing. Of one protocol it sees only what
   * comes, and has passed the device's tc programs, as the stack does.
   */
  readonly protocol?: number;
  /** Of the packets that it sends. */
  readonly mark?: number;
}

/** Sends frames as they are, and sees all that come and go on a device: packet(7). */
export class PacketSocket implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(
    namespace: { readonly path: string },
    device: string,
    { protocol = ETH_P_ALL, mark = 0 }: Options = {},
  ): PacketSocket {
    const index = Number(
      mustRunNow(["nsenter", `--net=${namespace.path}`, "ip", "-o", "link", "show", device]).split(":", 1)[0],
    );
    const fd = withNetns(namespace.path, () => libc().socket(AF_PACKET, SOCK_RAW, 0));
    if (fd < 0) throw new Error(`open packet socket: ${fd}`);
    // struct sockaddr_ll: family and index in the machine's order, the protocol in the network's.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, protocol, false);
    address.setInt32(4, index, true);
    const bound = libc().bind(fd, new Uint8Array(address.buffer));
    if (bound < 0) throw new Error(`bind packet socket to ${device}: ${bound}`);
    const marked = libc().setOption(fd, SOL_SOCKET, SO_MARK, mark);
    if (marked < 0) throw new Error(`set mark of packet socket: ${marked}`);
    return new PacketSocket(fd);
  }

  send(frame: Uint8Array): void {
    const sent = libc().send(this.#fd, frame);
    if (sent !== frame.length) throw new Error(`send frame: ${sent}`);
  }

  /** All frames that have come since the last call. */
  receive(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const buffer = new Uint8Array(2048);
    for (;;) {
      const length = libc().receive(this.#fd, buffer);
      if (length < 0) return frames;
      frames.push(buffer.slice(0, length));
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}
