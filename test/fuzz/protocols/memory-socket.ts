import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Most bytes that one end keeps of what it is sent: what goes beyond is counted, not kept. */
const KEPT = 1 << 20;

/**
 * One end of a connection in memory, in the place of a `net.Socket`: no system call, no other process, so that many
 * thousands of connections can be tried in a second's time.
 */
export class MemorySocket extends Duplex {
  bytesRead = 0;
  bytesWritten = 0;
  /** What the other end has sent here and nobody reads; of an end that is only listened to. */
  #other: MemorySocket | null = null;
  #isWanted = false;
  readonly #waiting: (() => void)[] = [];

  static pair(): [MemorySocket, MemorySocket] {
    const [one, other] = [new MemorySocket({ allowHalfOpen: true }), new MemorySocket({ allowHalfOpen: true })];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  /** What handlers take it for: they use of a socket what this has. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.bytesWritten += chunk.length;
    // As a network does, never before the writer is back from writing: `node:http2` counts on it.
    setImmediate(() => (this.#other ? this.#other.accept(chunk, done) : done()));
  }

  override _final(done: () => void): void {
    done();
    setImmediate(() => this.#other?.push(null));
  }

  override _read(): void {
    this.#isWanted = true;
    for (const done of this.#waiting.splice(0)) setImmediate(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
    const other = this.#other;
    this.#other = null;
    if (other && !other.destroyed) setImmediate(() => other.end().destroySoon());
    done(error);
  }

  private accept(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return done();
    this.bytesRead += chunk.length;
    this.#isWanted = this.push(chunk);
    if (this.#isWanted) setImmediate(done);
    else this.#waiting.push(done);
  }

  destroySoon(): void {
    if (this.writableFinished || this.destroyed) this.destroy();
    else this.end(() => this.destroy());
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }
}

/** Keeps what comes, up to a bound. */
export class Received {
  readonly #chunks: Buffer[] = [];
  length = 0;

  constructor(socket: MemorySocket) {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      if (this.length < KEPT) this.#chunks.push(chunk);
      this.length += chunk.length;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
