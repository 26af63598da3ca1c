import { NetError } from "#agent/net/error.ts";
import { errnoName, libc } from "#agent/net/libc.ts";
import { datagramCalls, whenReadable } from "./native.ts";

const EPOLLIN = 1;
const EVENTS = 128;
/** `struct epoll_event` is packed on x86-64 alone. */
const EVENT = process.arch === "x64" ? { bytes: 12, data: 4 } : { bytes: 16, data: 8 };

/**
 * Many sockets behind one watch of the event loop: a socket that lives for one question costs two system calls that
 * way, instead of a handle of its own.
 */
export class ReadableSockets implements Disposable {
  readonly #epoll: number;
  readonly #watch: Disposable;
  readonly #events = Buffer.alloc(EVENTS * EVENT.bytes);
  readonly #event = Buffer.alloc(EVENT.bytes);

  /**
   * @param readable is told the numbers of sockets with something to read, again and again while there is.
   * @throws NetError `socket`.
   */
  constructor(readable: (number: number) => void) {
    this.#epoll = datagramCalls().createEpoll();
    if (this.#epoll < 0) throw new NetError("socket", `watch sockets: ${errnoName(this.#epoll)}`);
    this.#watch = whenReadable(this.#epoll, () => {
      const count = datagramCalls().ready(this.#epoll, this.#events, EVENTS);
      for (let i = 0; i < count; i++) readable(this.#events.readUInt32LE(i * EVENT.bytes + EVENT.data));
    });
  }

  /** Until it is closed. @returns a negative errno when it cannot be watched. */
  add(fd: number, number: number): number {
    this.#event.writeUInt32LE(EPOLLIN, 0);
    this.#event.writeUInt32LE(number, EVENT.data);
    return datagramCalls().watch(this.#epoll, fd, this.#event);
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    libc().close(this.#epoll);
  }
}
