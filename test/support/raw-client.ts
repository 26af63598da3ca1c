import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** How a message is cut before it is sent: as it is, or a byte at a time. */
export type Cutting = "whole" | "one byte at a time";

/** A connection that sends what it is told, and keeps what comes. */
export class RawClient {
  readonly socket: Socket;
  /** In Latin-1. */
  received = "";
  isClosed = false;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#wake();
    });
    socket.on("error", () => this.#wake());
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** Sends Latin-1. */
  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  async sendCut(text: string, cutting: Cutting): Promise<void> {
    if (cutting === "whole") this.send(text);
    else await this.sendPieces([...text]);
  }

  /** Sends pieces, each by itself. */
  async sendPieces(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      if (this.isClosed) return;
      this.send(piece);
      await new Promise(setImmediate);
    }
  }

  /** Says that nothing more comes. */
  end(): void {
    this.socket.end();
  }

  /** Waits until what has come meets a condition; throws if the connection is closed before. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!condition(this.received)) {
      if (this.isClosed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await this.#next();
    }
    return this.received;
  }

  /** All that comes until the other side has closed. */
  async rest(): Promise<string> {
    while (!this.isClosed) {
      if (this.socket.readableEnded && !this.socket.writableEnded) this.socket.end();
      await this.#next();
    }
    return this.received;
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.socket.once("end", resolve);
    await promise;
    this.socket.off("end", resolve);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Sends one text on a connection of its own, says that nothing more comes, and gives what was answered. */
export async function converse(port: number, text: string, cutting: Cutting = "whole"): Promise<string> {
  const client = await RawClient.open(port);
  await client.sendCut(text, cutting);
  client.end();
  return client.rest();
}

/** The status codes of answers, in their order. */
export function statuses(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3})[^\r\n]*\r\n/g)].map(([, code]) => Number(code));
}
