import type { Socket } from "node:net";
import { kafkaKeyName } from "#policy/l7/kafka.ts";
import type { CurrentRules, ProxiedConnection } from "../proxied-connection.ts";
import { ignore } from "../relay.ts";
import { type RequestRecord, recordEnds } from "../request-record.ts";
import type { Decision } from "../rule-book.ts";
import { WallClock } from "../wall-clock.ts";
import { Answers } from "./answers.ts";
import { FrameReader } from "./frame-reader.ts";
import { HeldBytes } from "./held-bytes.ts";
import { judge } from "./judge.ts";
import { type Answer, hasOpaqueSequel, refuse, refuseSession } from "./refusals.ts";
import { type BrokerRequest, readRequest } from "./request.ts";

/** Of a request, in bytes: it is kept until all of its topics are known. Producers send a megabyte at most unless they are told to. */
const LONGEST_REQUEST = 16 * 1024 * 1024;
/** What all connections of one client hold in a process: enough for some of the longest requests at a time. */
const MOST_HELD = 64 * 1024 * 1024;
/** Requests without an answer; a client that asks for more is not read for a while. */
const MOST_AWAITED = 256;
/** Of the length before a request, in bytes. */
const FRAME_SIZE = 4;
/** `INVALID_REQUEST` of Kafka's error codes. */
const INVALID_REQUEST = 42;
/** What is told of bytes that are no request. */
const UNREADABLE: BrokerRequest = { apiKey: -1, apiVersion: 0, correlationId: 0, clientId: null, topics: "none" };
/** Epoch of a request to fetch that begins no session. */
const NO_SESSION = -1;
/** Of a record. */
const TOLD_TOPICS = 16;
const TOLD_TEXT = 255;

const heldBytes = new HeldBytes(MOST_HELD);

/** One client with its broker. */
export class KafkaSession {
  readonly #connection: ProxiedConnection;
  readonly #client: Socket;
  #server: Socket | null = null;
  readonly #requests = new FrameReader(LONGEST_REQUEST);
  readonly #answers = new Answers();
  readonly #clock = new WallClock();
  /** A request is being dealt with: the next one waits. */
  #isBusy = false;
  /** Nothing more is read; the connection ends behind the answers that are awaited. */
  #isEnding = false;
  /** The client has said all that it wanted to. */
  #hasEnded = false;
  /** Bytes of requests and answers that wait, as {@link heldBytes} has them. */
  #held = 0;
  readonly #closed = Promise.withResolvers<void>();

  constructor(connection: ProxiedConnection) {
    this.#connection = connection;
    this.#client = connection.client;
  }

  /** Serves the client to its end. */
  async serve(): Promise<void> {
    const { draining, limits } = this.#connection;
    const client = this.#client;
    client.allowHalfOpen = true;
    client.on("error", ignore).on("data", (chunk: Buffer) => {
      this.#requests.add(chunk);
      if (this.#hold()) void this.#next();
      else this.#breakOff();
    });
    client.on("drain", () => void this.#next());
    client.on("end", () => {
      this.#hasEnded = true;
      void this.#next();
    });
    client.once("close", () => {
      const isWhole = client.readableEnded && client.writableFinished;
      if (isWhole) this.#server?.destroySoon();
      else this.#server?.resetAndDestroy();
      heldBytes.change(this.#connection.tuple.sourceAddress, -this.#held);
      this.#held = 0;
      this.#closed.resolve();
    });
    client.setTimeout(limits.idleTimeout, () => this.#breakOff());
    const drain = (): void => void this.#next();
    draining.addEventListener("abort", drain);
    if (client.destroyed) this.#closed.resolve();
    else client.resume();
    await this.#closed.promise;
    draining.removeEventListener("abort", drain);
  }

  /** Never rejects: a mistake of ours ends this connection, and is told of by {@link serve}. */
  async #next(): Promise<void> {
    try {
      await this.#dealWithAll();
    } catch (error) {
      this.#closed.reject(error);
      this.#breakOff();
    }
  }

  /** Deals with one request after the other as far as they are there and can be answered; then reads on, or ends. */
  async #dealWithAll(): Promise<void> {
    const client = this.#client;
    if (this.#isBusy || client.destroyed) return;
    this.#isBusy = true;
    let frame: ReturnType<FrameReader["next"]> | undefined;
    client.pause();
    while (this.#mayGoOn() && (frame = this.#requests.next()) !== null) {
      const request = frame === "wrong" ? null : readRequest(frame.subarray(FRAME_SIZE));
      if (!request || frame === "wrong") this.#refuseUnreadable();
      else await this.#take(request, frame);
    }
    this.#isBusy = false;
    if (client.destroyed) return;
    if (!this.#hold()) return this.#breakOff();
    if (!client.writableNeedDrain) this.#server?.resume();
    if (this.#mayGoOn()) client.resume();
    const isIdle = !this.#requests.isWithin && this.#answers.length === 0;
    const wantsEnd = this.#hasEnded || (this.#connection.draining.aborted && isIdle);
    if (wantsEnd && frame === null) this.#isEnding = true;
    if (this.#isEnding && this.#answers.length === 0) {
      client.end();
      this.#server?.end();
    }
  }

  /** Counts what waits here. @returns whether the client may have that much. */
  #hold(): boolean {
    const held = this.#requests.length + this.#answers.bytes + (this.#server?.writableLength ?? 0);
    const change = held - this.#held;
    this.#held = held;
    return heldBytes.change(this.#connection.tuple.sourceAddress, change);
  }

  #mayGoOn(): boolean {
    return (
      !this.#client.destroyed &&
      !this.#isEnding &&
      !this.#client.writableNeedDrain &&
      !this.#server?.writableNeedDrain &&
      this.#answers.length < MOST_AWAITED
    );
  }

  async #take(request: BrokerRequest, frame: Buffer): Promise<void> {
    const rules = this.#connection.rules();
    if (!rules) return this.#breakOff();
    const isPlain = rules.ends.every((end) => end.isPlain);
    const decision = judge(rules.ends, request);
    const session = !isPlain && typeof request.topics === "object" ? request.topics.session : undefined;
    const isGoingOn = session !== undefined && session.epoch > 0;
    if (decision.isAllowed && !isGoingOn && !hasOpaqueSequel(request)) {
      // Without sessions every request to fetch says all of its topics.
      if (session) frame.writeInt32BE(NO_SESSION, FRAME_SIZE + session.place);
      return this.#forward(request, frame, { rules, decision, isLimited: !isPlain });
    }
    const { destinationAddress: host, destinationPort: port } = this.#connection.tuple;
    const answer = isGoingOn ? refuseSession(request, { host, port }) : refuse(request, { host, port });
    // That a consumer has to say its topics again is nobody's denial.
    if (!isGoingOn) {
      const deniedBy = decision.deniedBy ?? rules.ends[0]?.end ?? null;
      this.#tell(request, rules, { verdict: "denied", decision: { isAllowed: false, rules: [], deniedBy }, answer });
    }
    if (answer.frame) this.#toClient(this.#answers.give(answer.frame));
    else this.#isEnding = true;
  }

  async #forward(
    request: BrokerRequest,
    frame: Buffer,
    { rules, decision, isLimited }: { rules: CurrentRules; decision: Decision; isLimited: boolean },
  ): Promise<void> {
    this.#server ??= await this.#connect();
    const answer = { error: 0, frame: null };
    this.#tell(request, rules, { verdict: this.#server ? "forwarded" : "error", decision, answer });
    if (!this.#server) return this.#breakOff();
    const isOneWay = typeof request.topics === "object" && request.topics.isOneWay === true;
    if (!isOneWay) this.#answers.expect(request, isLimited);
    this.#server.write(frame);
  }

  /** Null: it cannot be reached, or the client has gone meanwhile. */
  async #connect(): Promise<Socket | null> {
    const server = await this.#connection.connect().catch(() => null);
    if (!server || this.#client.destroyed) {
      server?.destroy();
      return null;
    }
    server.on("error", ignore).on("data", (chunk: Buffer) => {
      const parts = this.#answers.fromServer(chunk);
      if (!parts) return this.#breakOff();
      this.#toClient(parts);
      void this.#next();
    });
    server.on("drain", () => void this.#next());
    server.on("end", () => {
      server.end();
      this.#client.end();
    });
    server.once("close", () => {
      if (!server.readableEnded) this.#client.resetAndDestroy();
    });
    server.resume();
    return server;
  }

  #toClient(parts: readonly Buffer[]): void {
    for (const part of parts) if (!this.#client.write(part)) this.#server?.pause();
  }

  #breakOff(): void {
    this.#client.resetAndDestroy();
  }

  /** What is no request of Kafka's, or a longer one than is read. */
  #refuseUnreadable(): void {
    const rules = this.#connection.rules();
    const decision = { isAllowed: false, rules: [], deniedBy: null };
    const answer = { error: INVALID_REQUEST, frame: null };
    if (rules) this.#tell(UNREADABLE, rules, { verdict: "error", decision, answer });
    this.#breakOff();
  }

  #tell(
    request: BrokerRequest,
    { judgement }: CurrentRules,
    { verdict, decision, answer }: { verdict: RequestRecord["verdict"]; decision: Decision; answer: Answer },
  ): void {
    const { apiKey, apiVersion, correlationId, clientId, topics } = request;
    const named = typeof topics === "object" ? (topics.topics ?? []) : [];
    this.#connection.tell({
      time: this.#clock.nanoseconds(performance.now()),
      tuple: this.#connection.tuple,
      ...recordEnds(judgement),
      verdict,
      rules: decision.rules,
      deniedBy: decision.deniedBy,
      kind: "request",
      latency: null,
      content: {
        family: "kafka",
        apiKey: kafkaKeyName(apiKey),
        apiVersion,
        correlationId,
        clientId: (clientId ?? "").slice(0, TOLD_TEXT),
        topics: named.slice(0, TOLD_TOPICS).map(({ name }) => name.slice(0, TOLD_TEXT)),
        errorCode: answer.error,
      },
    });
  }
}
