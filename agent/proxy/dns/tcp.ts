import { randomInt } from "node:crypto";
import type { Socket } from "node:net";

import type { Handler, ProxiedConnection } from "../proxied-connection.ts";
import { frame, MessageReader } from "./framing.ts";
import { type Asked, DnsGuard, type GuardOptions } from "./guard.ts";

/** Queries of a connection that have no answer yet: before there are fewer, no more are read (RFC 7766, section 6.2.1.1). */
const UNDER_WAY = 64;
/** Bytes of answers that the client has not taken; before there are fewer, no more queries and answers are read. */
const UNSENT = 256 * 1024;
/** Messages that are no answers, after which somebody tries transaction ids. */
const MISSES = 64;

/** Serves DNS over TCP: several queries in a connection, answered in any order. */
export function dnsTcpHandler(options: Omit<GuardOptions, "tell">): Handler {
  return async (connection) => {
    const guard = new DnsGuard({ ...options, tell: (record) => connection.tell(record) });
    await new DnsConnection(connection, guard).ended;
  };
}

class DnsConnection {
  readonly ended: Promise<void>;
  readonly #connection: ProxiedConnection;
  readonly #client: Socket;
  readonly #guard: DnsGuard;
  readonly #queries = new MessageReader();
  readonly #answers = new MessageReader();
  /** By the transaction ids that the server sees. */
  readonly #pending = new Map<number, Asked>();
  /** Answers that wait for their addresses to be admitted. */
  #held = 0;
  #misses = 0;
  #server: Socket | null = null;
  #isCalling = false;
  /** The client, or the server, has said its last word. */
  #isClientDone = false;
  #isServerDone = false;
  /** The time by which the query that has begun has to be complete. */
  #headTimer: NodeJS.Timeout | null = null;
  readonly #end: () => void;

  constructor(connection: ProxiedConnection, guard: DnsGuard) {
    this.#connection = connection;
    this.#client = connection.client;
    this.#guard = guard;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    const client = this.#client;
    client.on("data", (piece: Buffer) => {
      this.#queries.push(piece);
      this.#readQueries();
    });
    client.on("end", () => {
      this.#isClientDone = true;
      this.#endWhenIdle();
    });
    client.on("drain", () => {
      this.#server?.resume();
      this.#readQueries();
    });
    // What is wrong with it says its close, which follows.
    client.on("error", () => undefined);
    client.on("close", () => this.#destroy());
    connection.draining.addEventListener("abort", this.#drain);
    if (connection.draining.aborted) this.#drain();
    if (client.destroyed) this.#destroy();
    else client.resume();
  }

  /** Takes as many of the queries that are there as may be under way. */
  #readQueries(): void {
    while (!this.#client.destroyed && this.#mayRead()) {
      const message = this.#queries.next();
      if (!message) break;
      this.#stopHeadTimer();
      this.#take(message);
    }
    if (this.#client.destroyed) return;
    const mayRead = this.#mayRead();
    if (mayRead) this.#client.resume();
    else this.#client.pause();
    if (!mayRead || !this.#queries.isWithin) this.#stopHeadTimer();
    else this.#headTimer ??= setTimeout(() => this.#destroy(), this.#connection.limits.headTimeout);
    this.#endWhenIdle();
  }

  #mayRead(): boolean {
    const { writable, writableLength } = this.#client;
    return writable && writableLength < UNSENT && this.#pending.size + this.#held < UNDER_WAY && !this.#isServerDone;
  }

  #take(message: Buffer): void {
    const current = this.#connection.rules();
    if (!current) return this.#destroy();
    const ruling = this.#guard.judge(message, this.#connection.tuple, current);
    // On a connection that was in order so far: its framing is not to be trusted any more.
    if (ruling.kind === "drop") return this.#destroy();
    if (ruling.kind === "answer") this.#answer(ruling.bytes);
    else this.#forward(ruling.asked);
  }

  #forward(asked: Asked): void {
    let id: number;
    do id = randomInt(0x10000);
    while (this.#pending.has(id));
    this.#pending.set(id, asked);
    if (this.#server) this.#ask(this.#server, id, asked);
    else if (!this.#isCalling) void this.#call();
  }

  #ask(server: Socket, id: number, asked: Asked): void {
    const framed = frame(asked.message);
    framed.writeUInt16BE(id, 2);
    server.write(framed);
  }

  async #call(): Promise<void> {
    this.#isCalling = true;
    let server: Socket;
    try {
      server = await this.#connection.connect();
    } catch {
      // The client learns it from the answers; the record tells the agent.
      this.#failPending();
      this.#isCalling = false;
      return this.#readQueries();
    }
    server.on("error", () => undefined);
    if (this.#client.destroyed) {
      server.destroy();
      return;
    }
    this.#server = server;
    server.on("data", (piece: Buffer) => {
      this.#answers.push(piece);
      this.#readAnswers();
    });
    server.on("end", () => this.#serverIsDone());
    server.on("close", () => this.#serverIsDone());
    server.resume();
    for (const [id, asked] of this.#pending) this.#ask(server, id, asked);
  }

  #readAnswers(): void {
    for (let message = this.#answers.next(); message; message = this.#answers.next()) this.#settle(message);
    if (this.#client.writableLength >= UNSENT) this.#server?.pause();
    this.#readQueries();
  }

  #settle(message: Buffer): void {
    const id = message.length < 2 ? -1 : message.readUInt16BE(0);
    const asked = this.#pending.get(id);
    const answer = asked ? this.#guard.settle(asked, message) : null;
    if (!asked || !answer) {
      if (++this.#misses >= MISSES) this.#destroy();
      return;
    }
    // The messages of a zone's transfer are many; the server's end ends it (RFC 5936, section 2.2).
    if (!asked.query?.isTransfer) this.#pending.delete(id);
    if (Buffer.isBuffer(answer)) return this.#answer(answer);
    this.#held++;
    void this.#answerLater(answer);
  }

  async #answerLater(answer: Promise<Buffer>): Promise<void> {
    const message = await answer;
    this.#held--;
    this.#answer(message);
    this.#readQueries();
  }

  #answer(message: Buffer): void {
    if (!this.#client.writable) return;
    this.#client.write(frame(message));
  }

  /** As a server does it that has nothing more to say: what it has answered leaves, and then the connection ends. */
  #serverIsDone(): void {
    if (this.#isServerDone) return;
    this.#isServerDone = true;
    this.#pending.clear();
    this.#endWhenIdle();
  }

  #failPending(): void {
    for (const asked of this.#pending.values()) this.#answer(this.#guard.fail(asked));
    this.#pending.clear();
  }

  readonly #drain = (): void => {
    this.#isClientDone = true;
    this.#endWhenIdle();
  };

  #endWhenIdle(): void {
    const isDone = this.#isClientDone || this.#isServerDone;
    if (!isDone || this.#held > 0 || (this.#pending.size > 0 && !this.#isServerDone)) return;
    if (this.#queries.isWithin && !this.#isServerDone && !this.#client.readableEnded) return;
    this.#client.end();
    this.#server?.end();
  }

  #stopHeadTimer(): void {
    if (this.#headTimer) clearTimeout(this.#headTimer);
    this.#headTimer = null;
  }

  #destroy(): void {
    this.#stopHeadTimer();
    this.#connection.draining.removeEventListener("abort", this.#drain);
    this.#pending.clear();
    this.#client.destroy();
    this.#server?.destroy();
    this.#end();
  }
}
