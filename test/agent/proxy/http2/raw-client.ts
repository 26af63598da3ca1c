import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";

/** RFC 9113, section 6. */
export const FrameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const SETTINGS = frame(FrameType.settings, 0, 0);

/** A field of HPACK with a new name, as it is: without a table, without Huffman's code (RFC 7541, section 6.2.2). */
export function field(name: string, value: string): Buffer {
  const text = (characters: string): Buffer => {
    const bytes = Buffer.from(characters, "latin1");
    return Buffer.concat([integer(bytes.length), bytes]);
  };
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** With a prefix of seven bits: RFC 7541, section 5.1. */
function integer(value: number): Buffer {
  if (value < 0x7f) return Buffer.of(value);
  const bytes = [0x7f];
  let rest = value - 0x7f;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.of(...bytes, rest);
}

export function fields(list: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): Buffer {
  const pairs = Array.isArray(list) ? (list as [string, string][]) : Object.entries(list);
  return Buffer.concat(pairs.map(([name, value]) => field(name, value)));
}

export const USUAL = { ":method": "GET", ":scheme": "http", ":path": "/allowed", ":authority": "web" } as const;

/** A request without content. */
export function get(stream: number, list: Parameters<typeof fields>[0] = USUAL): Buffer {
  return frame(FrameType.headers, END_HEADERS | END_STREAM, stream, fields(list));
}

/** A client that sends any bytes, and keeps what comes as frames. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  isClosed = false;
  #skipped = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on("error", () => socket.destroy());
    socket.once("close", () => (this.isClosed = true));
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Bytes that are no frames, from now on. */
  skip(bytes: number): void {
    this.#skipped = bytes;
  }

  get frames(): Frame[] {
    const { bytes } = this;
    const frames: Frame[] = [];
    for (let at = this.#skipped; at + 9 <= bytes.length;) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      frames.push({
        type: bytes.readUInt8(at + 3),
        flags: bytes.readUInt8(at + 4),
        stream,
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    return frames;
  }

  framesOf(type: number): Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
