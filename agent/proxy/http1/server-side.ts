import type { Socket } from "node:net";
import type { ProxiedConnection } from "../proxied-connection.ts";
import { ignore } from "../relay.ts";
import { BodyReader } from "./body-reader.ts";
import type { Fields } from "./fields.ts";
import { HeadReader } from "./head-reader.ts";
import { Refusal } from "./message.ts";
import { Output } from "./output.ts";
import { ResponseHeadReader } from "./response-head.ts";
import type { ResponseHead } from "./response-head.ts";

/** What a server does, as its client has to hear of it. */
export interface ServerEvents {
  /** An interim answer, or the answer. */
  onHead(head: ResponseHead): void;
  onData(data: Buffer): void;
  /** The answer is whole. */
  onAnswered(trailers: Fields): void;
  /** Bytes of what the connection has become. */
  onTunnelData(data: Buffer): void;
  /** All that was there has been read. */
  onRead(): void;
  /** It sends nothing more, or never was there; `cause` null: it closed in good order. */
  onGone(cause: Error | null): void;
  /** It reads again. */
  onDrain(): void;
  /** Something was thrown: a mistake of ours. */
  onFailed(error: unknown): void;
}

/**
 * The proxy's side towards the server. Reads one answer at a time, and only to a request that was sent: what else comes ends the
 * connection to the server, and nobody sees it.
 */
export class ServerSide {
  readonly #connection: ProxiedConnection;
  readonly #events: ServerEvents;
  readonly #heads: HeadReader;
  readonly #headReader: ResponseHeadReader;
  readonly #body: BodyReader;
  #socket: Socket | null = null;
  #output: Output | null = null;
  #state: "idle" | "head" | "body" | "tunnel" = "idle";
  #method = "";
  #isClosed = false;
  #isReused = false;

  constructor(connection: ProxiedConnection, events: ServerEvents) {
    const { limits } = connection;
    this.#connection = connection;
    this.#events = events;
    this.#heads = new HeadReader(limits.headBytes, 0);
    this.#headReader = new ResponseHeadReader(limits.headFields);
    this.#body = new BodyReader(limits);
  }

  get output(): Output | null {
    return this.#output;
  }

  /** Whether it has answered a request before. */
  get isReused(): boolean {
    return this.#isReused;
  }

  /** Calls it. Never throws: `onGone` tells of a failure. */
  async open(): Promise<boolean> {
    let socket: Socket;
    try {
      socket = await this.#connection.connect();
    } catch (error) {
      if (!this.#isClosed) this.#events.onGone(error as Error);
      return false;
    }
    if (this.#isClosed) {
      socket.on("error", ignore).destroy();
      return false;
    }
    this.#listen(socket);
    return true;
  }

  /** An answer to a request with this method is to come. */
  expect(method: string): void {
    this.#method = method;
    this.#state = "head";
  }

  /** From now on bytes are no messages; also those that came behind the last head. */
  becomeTunnel(): void {
    this.#state = "tunnel";
  }

  /** Gives up the connection, paused: whatever was read behind the last head is put back. */
  release(): Socket | null {
    const socket = this.#socket;
    const rest = this.#heads.take();
    this.#socket = null;
    this.#output = null;
    this.#state = "idle";
    if (!socket) return null;
    socket.pause();
    if (rest !== null) socket.unshift(rest);
    return socket;
  }

  setPaused(isPaused: boolean): void {
    if (this.#socket === null || this.#socket.isPaused() === isPaused) return;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Tells the server that nothing more comes. */
  end(): void {
    this.#socket?.end();
  }

  /** The next request is to have another connection. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#output = null;
    this.#state = "idle";
    this.#isReused = false;
    this.#heads.take();
    if (!socket) return;
    socket.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    this.#output = new Output(socket);
    socket.allowHalfOpen = true;
    let cause: Error | null = null;
    // One that was dropped says nothing any more; others listen to it, too.
    const isOurs = () => this.#socket === socket;
    socket.on("data", (bytes: Buffer) => isOurs() && this.#read(bytes));
    socket.on("drain", () => isOurs() && this.#events.onDrain());
    socket.on("end", () => isOurs() && this.#gone(null));
    socket.on("error", (error) => (cause = error));
    socket.on("close", () => isOurs() && this.#gone(cause ?? new Error("closed")));
    socket.resume();
  }

  #gone(cause: Error | null): void {
    const isIdle = this.#state === "idle";
    const isWhole = cause === null && this.#state === "body" && this.#body.endsWithConnection;
    if (this.#state === "tunnel" && cause === null) {
      this.#events.onGone(null);
      return;
    }
    this.drop();
    if (isIdle) return;
    if (isWhole) {
      this.#events.onAnswered(this.#body.trailers);
      this.#events.onRead();
    } else this.#events.onGone(cause ?? new Error("closed too early"));
  }

  #read(bytes: Buffer): void {
    if (this.#state === "idle") {
      this.drop();
      return;
    }
    try {
      const refusal = this.#readAll(bytes);
      if (refusal) {
        this.drop();
        this.#events.onGone(new Error(refusal.reason));
      } else this.#events.onRead();
    } catch (error) {
      this.#events.onFailed(error);
    }
  }

  #readAll(bytes: Buffer): Refusal | null {
    let rest: Buffer | null = bytes;
    while (rest !== null) {
      switch (this.#state) {
        case "head": {
          this.#heads.push(rest);
          const refusal = this.#readHead();
          if (refusal) return refusal;
          rest = this.#isIncomplete ? null : this.#heads.take();
          break;
        }
        case "body": {
          const end = this.#body.read(rest, this.#onData);
          if (end instanceof Refusal) return end;
          rest = end === rest.length ? null : rest.subarray(end);
          if (this.#body.isDone) this.#answered(rest !== null);
          break;
        }
        case "tunnel":
          this.#events.onTunnelData(rest);
          return null;
        case "idle":
          return null;
      }
    }
    return null;
  }

  readonly #onData = (data: Buffer) => this.#events.onData(data);

  get #isIncomplete(): boolean {
    return this.#state === "head";
  }

  /** Reads heads up to the answer's, or until one is not whole. */
  #readHead(): Refusal | null {
    for (;;) {
      const text = this.#heads.next();
      if (text === null || text instanceof Refusal) return text;
      const head = this.#headReader.read(text, this.#method);
      if (head instanceof Refusal) return head;
      const isInterim = head.code < 200 && head.code !== 101;
      if (!isInterim) {
        this.#state = "body";
        this.#body.begin(head.body);
      }
      this.#events.onHead(head);
      if (isInterim && this.#isIncomplete) continue;
      if (this.#state === "body" && this.#body.isDone) this.#answered(this.#heads.rest !== null);
      return null;
    }
  }

  /** Bytes behind an answer are none to the next request, which has not been sent: its connection is to be another. */
  #answered(isFollowed: boolean): void {
    this.#state = "idle";
    this.#isReused = true;
    if (isFollowed) this.drop();
    this.#events.onAnswered(this.#body.trailers);
  }
}
