import type { Socket } from "node:net";
import { LineReader } from "./lines.ts";
import { formatMessage, type FromProxy, LONGEST_LINE, parseToProxy, type ToProxy } from "./messages.ts";
import type { RecordBatch } from "./record-queue.ts";

export interface ControlEvents {
  said(connection: ControlConnection, message: ToProxy): void;
  closed(connection: ControlConnection): void;
  /** What came is no message; the connection is closed. */
  misunderstood(error: string): void;
}

const COMMA = Buffer.from(",");
const END = Buffer.from("]}\n");

/** Bytes that wait to be read at the other end, from which on only what somebody waits for is said. */
const FULL = 16 * 1024 * 1024;

/** Somebody at the proxy's control socket: the agent, the next proxy, or a mere onlooker. */
export class ControlConnection {
  readonly #socket: Socket;

  constructor(socket: Socket, events: ControlEvents) {
    this.#socket = socket;
    const lines = new LineReader(LONGEST_LINE, (line) => {
      if (socket.destroyed) return;
      const parsed = parseToProxy(line.toString("utf8"));
      if (parsed.ok) return events.said(this, parsed.message);
      events.misunderstood(parsed.error);
      socket.destroy();
    });
    socket.on("data", (chunk) => {
      if (lines.push(chunk)) return;
      events.misunderstood(`a line is longer than ${LONGEST_LINE} bytes`);
      socket.destroy();
    });
    // An error is followed by `close`.
    socket.on("error", () => {});
    socket.once("close", () => events.closed(this));
  }

  get isFull(): boolean {
    return this.#socket.writableLength >= FULL;
  }

  send(message: FromProxy): void {
    if (this.#socket.writable) this.#socket.write(formatMessage(message));
  }

  /** The same as a message of type `records`, of texts that are JSON already. */
  sendRecords({ sequence, lost, texts }: RecordBatch): void {
    if (!this.#socket.writable) return;
    // One system call for all of them, and no copy.
    this.#socket.cork();
    this.#socket.write(`{"type":"records","sequence":${sequence},"lost":${lost},"records":[`);
    for (const [index, text] of texts.entries()) {
      if (index > 0) this.#socket.write(COMMA);
      this.#socket.write(text);
    }
    this.#socket.write(END);
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroySoon();
  }
}
