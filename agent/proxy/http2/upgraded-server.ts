import type { OutgoingHttpHeaders } from "node:http2";
import { sensitiveHeaders } from "node:http2";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { FRAME_HEAD, FrameType, PREFACE, readFrameHead } from "./frames.ts";

/**
 * A connection to a server that has answered 101 (RFC 7540, section 3.2): it knows the request that is stream 1, so the
 * head by which `node:http2` begins that stream must not reach it. The head has to be one that leaves HPACK's table as it
 * is, and nothing is read before it is gone, else a change of the table's size would go with it.
 */
export class UpgradedServer extends Duplex {
  readonly #socket: Socket;
  /** What has been written so far; null: the head is gone. */
  #begin: Buffer | null = Buffer.alloc(0);

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once("error", (error) => this.destroy(error));
    socket.once("close", () => this.destroy());
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#begin === null) {
      this.#socket.write(chunk, done);
      return;
    }
    this.#begin = Buffer.concat([this.#begin, chunk]);
    const without = withoutFirstHead(this.#begin);
    if (without === null) return done();
    this.#begin = null;
    this.#socket.write(without, done);
    this.#goOn();
  }

  override _read(): void {
    if (this.#begin === null) this.#goOn();
  }

  /** Not at the next tick: `node:http2` may not be given bytes before it is back from writing. */
  #goOn(): void {
    setImmediate(() => this.#socket.resume());
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** What begins stream 1 and is not sent: entries of HPACK's static table, and what is never to be indexed. */
export function unsentHead(isHead: boolean): OutgoingHttpHeaders {
  return {
    ":method": isHead ? "HEAD" : "GET",
    ":scheme": "http",
    ":path": "/",
    ":authority": "h2c",
    [sensitiveHeaders]: [":method", ":authority"],
  };
}

/** Null: it has not come as a whole. */
function withoutFirstHead(bytes: Buffer): Buffer | null {
  for (let at = PREFACE.length; ;) {
    const head = readFrameHead(bytes, at);
    const end = at + FRAME_HEAD + (head?.length ?? 0);
    if (head === null || end > bytes.length) return null;
    if (head.type === FrameType.headers) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    at = end;
  }
}
