import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describeDenier, judgeHttp } from "../http-judgement.ts";
import type { HttpOptions } from "../http-judgement.ts";
import { upgradeSettings } from "../http2/serve-http2.ts";
import type { CurrentRules, ProxiedConnection } from "../proxied-connection.ts";
import { isPlain } from "../protocol.ts";
import { formatAnswer } from "./answers.ts";
import type { OwnAnswer } from "./answers.ts";
import { BodyReader } from "./body-reader.ts";
import { Deadline } from "./deadline.ts";
import { Exchange } from "./exchange.ts";
import { Fields } from "./fields.ts";
import { HeadReader } from "./head-reader.ts";
import { Refusal } from "./message.ts";
import { Output } from "./output.ts";
import { RequestHeadReader } from "./request-head.ts";
import type { RequestHead } from "./request-head.ts";
import { RequestRecords } from "./request-records.ts";
import type { ResponseHead } from "./response-head.ts";
import type { Phase, SessionEnd } from "./phase.ts";
import { ServerSide } from "./server-side.ts";
import type { ServerEvents } from "./server-side.ts";
import { formatChunkHead, formatLastChunk, formatRequestHead, formatResponseHead } from "./write-head.ts";

/** How long, in ms, a client is still listened to that has had its last answer: it reads it before it hears of the end. */
const LINGER = 2000;
/** How long, in ms, a connection without a request is kept when the proxy is to end. */
const DRAINING_IDLE = 5000;

/** A client's connection that speaks HTTP/1, from its first request to its end. */
export class Http1Session implements ServerEvents {
  readonly #connection: ProxiedConnection;
  readonly #options: HttpOptions;
  readonly #client: Socket;
  readonly #end: SessionEnd;
  readonly #output: Output;
  readonly #server: ServerSide;
  readonly #requests: HeadReader;
  readonly #headReader: RequestHeadReader;
  readonly #body: BodyReader;
  readonly #records: RequestRecords;
  #phase: Phase = "head";
  #exchange: Exchange | null = null;
  /** Whether the tunnel is one because what the client sends cannot be read, and every end lets everything pass. */
  #isUnread = false;
  #hasClientEnded = false;
  readonly #headDeadline = new Deadline(() => this.#tooSlow());
  readonly #lingering = new Deadline(() => this.#client.destroy());
  #failure: unknown = null;

  constructor(connection: ProxiedConnection, options: HttpOptions, end: SessionEnd) {
    const { client, limits } = connection;
    this.#connection = connection;
    this.#options = options;
    this.#client = client;
    this.#end = end;
    this.#output = new Output(client);
    this.#server = new ServerSide(connection, this);
    this.#requests = new HeadReader(limits.headBytes, 1);
    this.#headReader = new RequestHeadReader(limits.headFields);
    this.#body = new BodyReader(limits);
    this.#records = new RequestRecords(connection);
  }

  readonly #listeners: readonly (readonly [string, Parameters<EventEmitter["on"]>[1]])[] = [
    ["data", (bytes: Buffer) => this.#read(bytes)],
    ["drain", () => this.#pump()],
    ["end", () => this.#clientEnded()],
    ["timeout", () => this.#idle()],
    // `close` follows, and is what counts.
    ["error", () => this.#server.close()],
    ["close", () => this.#closed()],
  ];

  start(): void {
    const client = this.#client;
    const { draining, limits } = this.#connection;
    client.allowHalfOpen = true;
    for (const [event, listener] of this.#listeners) client.on(event, listener);
    client.setTimeout(limits.idleTimeout);
    draining.addEventListener("abort", this.#drain);
    if (draining.aborted) this.#drain();
    if (client.destroyed) this.#closed();
    else client.resume();
  }

  onHead(head: ResponseHead): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    const { code } = head;
    if (code === 101) this.#upgrade(exchange, head);
    else if (code < 200) this.#tellInterim(exchange.head, head);
    else if (exchange.head.method === "CONNECT" && code < 300) this.#beginTunnel(head);
    else {
      const framing = exchange.answer(head, this.#connection.draining.aborted);
      this.#output.text(formatResponseHead(head, framing));
      this.#records.answered(code, head.fields);
    }
  }

  onData(data: Buffer): void {
    if (this.#exchange?.isChunked) this.#output.text(formatChunkHead(data.length));
    this.#output.data(data);
    if (this.#exchange?.isChunked) this.#output.text("\r\n");
  }

  onAnswered(trailers: Fields): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (exchange.isChunked) this.#output.text(formatLastChunk(trailers));
    exchange.isAnswered = true;
    if (exchange.isRequestDone || !exchange.isKept) this.#finishExchange(exchange);
    else if (this.#server.output === null) this.#discard();
  }

  onTunnelData(data: Buffer): void {
    if (this.#mayTunnel()) this.#output.data(data);
  }

  onRead(): void {
    this.#pump();
  }

  onDrain(): void {
    this.#pump();
  }

  onFailed(error: unknown): void {
    this.#failure = error;
    this.#destroy();
  }

  onGone(cause: Error | null): void {
    const exchange = this.#exchange;
    if (this.#phase === "tunnel") {
      this.#output.flush();
      if (cause === null) this.#client.end();
      else this.#destroy();
    } else if (this.#isUnread) this.#destroy();
    else if (exchange === null) return;
    else if (exchange.isAnswered) this.#discard();
    // It would be mistaken for a whole answer if it ended in good order.
    else if (exchange.isAnswering) this.#destroy();
    else if (exchange.mayBeRepeated) {
      this.#send(exchange);
    } else this.#fail(exchange, 502);
    this.#pump();
  }

  // What the client does.

  #read(bytes: Buffer): void {
    if (this.#phase === "closing") return;
    this.#requests.push(bytes);
    this.#pump();
  }

  #clientEnded(): void {
    this.#hasClientEnded = true;
    this.#pump();
  }

  /** Goes on with what is there, as far as can be. */
  #pump(): void {
    try {
      let goesOn = true;
      while (goesOn) goesOn = this.#step();
    } catch (error) {
      this.onFailed(error);
      return;
    }
    this.#output.flush();
    this.#server.output?.flush();
    this.#steer();
  }

  #step(): boolean {
    switch (this.#phase) {
      case "head":
        return this.#readHead();
      case "body":
      case "discard":
        return this.#readBody();
      case "tunnel":
        return this.#readTunnel();
      default:
        return false;
    }
  }

  /** Who is read from: nobody whose bytes could not go on. */
  #steer(): void {
    const phase = this.#phase;
    if (phase === "closing") return;
    const isClientSlow = this.#output.isFull;
    this.#server.setPaused(isClientSlow);
    let isHeld = false;
    if (phase === "head") isHeld = isClientSlow;
    else if (phase === "body" || phase === "tunnel") isHeld = this.#server.output?.isFull ?? false;
    else if (phase !== "discard") isHeld = this.#requests.rest !== null;
    if (this.#client.isPaused() === isHeld) return;
    if (isHeld) this.#client.pause();
    else this.#client.resume();
  }

  #readHead(): boolean {
    if (this.#output.isFull) return false;
    const text = this.#requests.next();
    if (text === null) {
      this.#awaitHead();
      return false;
    }
    this.#headDeadline.callOff();
    const head = text instanceof Refusal ? text : this.#headReader.read(text);
    // What was taken out of the bytes belongs before them where they are passed on as they are.
    if (head instanceof Refusal) this.#refuseHead(head, text instanceof Refusal ? "" : `${text}\r\n\r\n`);
    else this.#begin(head);
    return true;
  }

  #begin(head: RequestHead): void {
    const rules = this.#connection.rules();
    if (!rules) {
      this.#destroy();
      return;
    }
    const { method, host, target, fields } = head;
    const judgement = judgeHttp(rules.ends, { method, host, target, fields: fields.flat });
    this.#records.judged(head, rules, judgement);
    this.#body.begin(head.length);
    const { decision, mutations } = judgement;
    if (decision.isAllowed) {
      const exchange = new Exchange(
        head,
        formatRequestHead(head, mutations, head.http2Settings && upgradeSettings(this.#connection.limits)),
      );
      this.#exchange = exchange;
      this.#send(exchange);
      return;
    }
    const deniedBy = this.#options.namesDenier ? describeDenier(rules.ends, decision.deniedBy) : null;
    // Whether the body comes that was asked about is the client's choice: behind it nothing could be told apart.
    const isKept = head.isKeptAlive && !head.expectsContinue && !this.#connection.draining.aborted;
    this.#answer({ code: 403, body: "Access denied\r\n", deniedBy }, head, isKept);
    if (isKept) this.#discard();
    else this.#finish();
  }

  #send(exchange: Exchange): void {
    const { output } = this.#server;
    if (output === null) {
      this.#phase = "connecting";
      void this.#connect(exchange);
      return;
    }
    exchange.sent(this.#server.isReused);
    this.#server.expect(exchange.head.method);
    output.text(exchange.text);
    this.#phase = exchange.isRequestDone ? "waiting" : "body";
  }

  async #connect(exchange: Exchange): Promise<void> {
    if (!(await this.#server.open()) || this.#exchange !== exchange) return;
    this.#send(exchange);
    this.#pump();
  }

  #readBody(): boolean {
    const exchange = this.#exchange;
    const isForwarded = this.#phase === "body" && exchange !== null;
    if (isForwarded && this.#server.output?.isFull) return false;
    const bytes = this.#requests.take();
    if (bytes === null) {
      if (this.#hasClientEnded) this.#breakOff();
      return false;
    }
    const end = this.#body.read(bytes, isForwarded ? this.#forward : () => {});
    if (end instanceof Refusal) {
      this.#refuseBody(end);
      return false;
    }
    this.#requests.putBack(bytes.subarray(end));
    if (!this.#body.isDone) return true;
    if (isForwarded) this.#finishRequest(exchange);
    else this.#phase = "head";
    return true;
  }

  readonly #forward = (data: Buffer) => {
    const { output } = this.#server;
    const isChunked = this.#exchange?.head.length === "chunked";
    if (isChunked) output?.text(formatChunkHead(data.length));
    output?.data(data);
    if (isChunked) output?.text("\r\n");
  };

  #finishRequest(exchange: Exchange): void {
    if (exchange.head.length === "chunked") this.#server.output?.text(formatLastChunk(this.#body.trailers));
    exchange.isRequestDone = true;
    if (exchange.isAnswered) this.#finishExchange(exchange);
    else this.#phase = "waiting";
  }

  #readTunnel(): boolean {
    const { output } = this.#server;
    if (output === null || output.isFull || !this.#mayTunnel()) return false;
    const bytes = this.#requests.take();
    if (bytes !== null) output.data(bytes);
    else if (this.#hasClientEnded) {
      output.flush();
      this.#server.end();
    }
    return bytes !== null;
  }

  // What becomes of an exchange.

  #tellInterim({ minor, expectsContinue }: RequestHead, head: ResponseHead): void {
    // HTTP/1.0 knows none, and who has not asked whether to go on would not understand.
    if (minor === 0 || (head.code === 100 && !expectsContinue)) return;
    this.#output.text(formatResponseHead(head, { takesChunks: true, connection: "" }));
  }

  #upgrade(exchange: Exchange, head: ResponseHead): void {
    if (exchange.offers(head)) {
      const { http2Settings } = exchange.head;
      if (http2Settings === null) this.#beginTunnel(head);
      else this.#becomeHttp2(exchange.head, head, http2Settings);
    } else {
      this.#server.drop();
      this.#fail(exchange, 502);
    }
  }

  /** The request that was judged is answered by HTTP/2, and all that come are judged there. */
  #becomeHttp2({ method }: RequestHead, head: ResponseHead, settings: Buffer): void {
    const server = this.#server.release();
    if (!server) return;
    this.#output.text(formatResponseHead({ ...head, length: null }, { takesChunks: true, connection: "" }));
    this.#output.flush();
    this.#phase = "closing";
    this.#exchange = null;
    const client = this.#client.pause().setTimeout(0);
    for (const [event, listener] of this.#listeners) client.off(event, listener);
    const rest = this.#requests.take();
    if (rest !== null) client.unshift(rest);
    this.#connection.draining.removeEventListener("abort", this.#drain);
    this.#end.becameHttp2({
      server,
      isHead: method === "HEAD",
      settings,
      answered: (status) => this.#records.answered(status, new Fields()),
      unanswered: () => this.#records.answered(502, null),
    });
  }

  #beginTunnel(head: ResponseHead): void {
    this.#output.text(formatResponseHead({ ...head, length: null }, { takesChunks: true, connection: "" }));
    this.#records.answered(head.code, head.fields);
    this.#server.becomeTunnel();
    this.#exchange = null;
    this.#phase = "tunnel";
  }

  #finishExchange({ isKept }: Exchange): void {
    // Whatever becomes of the next request, this one is answered.
    this.#output.flush();
    this.#exchange = null;
    if (isKept) this.#phase = "head";
    else this.#finish();
  }

  /** The request is answered; what is left of its body is nobody's. */
  #discard(): void {
    this.#exchange = null;
    this.#phase = this.#body.isDone ? "head" : "discard";
  }

  /** The server has no answer. */
  #fail(exchange: Exchange, code: 502 | 504): void {
    const body = code === 502 ? "The server does not answer\r\n" : "The server does not answer in time\r\n";
    const isKept = exchange.isRequestDone && exchange.head.isKeptAlive && !this.#connection.draining.aborted;
    this.#records.answered(code, null);
    this.#server.drop();
    this.#answer({ code, body, deniedBy: null }, exchange.head, isKept);
    this.#exchange = null;
    if (isKept) this.#phase = "head";
    else this.#finish();
  }

  #refuseHead(refusal: Refusal, taken: string): void {
    const rules = this.#connection.rules();
    if (!rules) this.#destroy();
    else if (isPlain(rules.ends)) {
      this.#isUnread = true;
      void this.#passUnread(taken);
    } else this.#refuse(refusal, rules);
  }

  /** Nobody asks anything: who understands each other otherwise is not kept from it. */
  async #passUnread(taken: string): Promise<void> {
    this.#phase = "connecting";
    if (this.#server.output === null && !(await this.#server.open())) return;
    this.#server.becomeTunnel();
    this.#phase = "tunnel";
    this.#server.output?.text(taken);
    this.#pump();
  }

  /** What nobody can read nobody can judge, once a rule asks. */
  #mayTunnel(): boolean {
    if (!this.#isUnread) return true;
    const rules = this.#connection.rules();
    if (rules && isPlain(rules.ends)) return true;
    this.#destroy();
    return false;
  }

  #refuse({ reason }: Refusal, rules: CurrentRules): void {
    this.#records.refused(rules);
    this.#answer({ code: 400, body: `Bad request: ${reason}\r\n`, deniedBy: null }, null, false);
    this.#finish();
  }

  #refuseBody(refusal: Refusal): void {
    // Of an answer that has begun the rest would be missing.
    const rules = this.#connection.rules();
    if (!rules || (this.#exchange?.isAnswering && !this.#exchange.isAnswered)) this.#destroy();
    else this.#refuse(refusal, rules);
  }

  /** The client has ended in the middle of a body. */
  #breakOff(): void {
    if (this.#exchange?.isAnswering && !this.#exchange.isAnswered) this.#destroy();
    else this.#finish();
  }

  #answer(answer: OwnAnswer, head: RequestHead | null, isKept: boolean): void {
    this.#output.text(formatAnswer(answer, head?.method === "HEAD", isKept));
  }

  #awaitHead(): void {
    if (this.#hasClientEnded) this.#finish();
    else if (this.#requests.rest === null) this.#headDeadline.callOff();
    else this.#headDeadline.begin(this.#connection.limits.headTimeout);
  }

  #tooSlow(): void {
    this.#answer({ code: 408, body: "The request does not come in time\r\n", deniedBy: null }, null, false);
    this.#finish();
  }

  /** No byte has come or gone for too long. */
  #idle(): void {
    const exchange = this.#exchange;
    if (exchange && !exchange.isAnswering && exchange.isRequestDone) {
      this.#fail(exchange, 504);
      this.#pump();
    } else if (this.#phase === "head" && this.#requests.rest === null && !this.#output.isFull) this.#finish();
    else this.#destroy();
  }

  /** The answer to the next request says that it is the last; who does not ask is closed. */
  readonly #drain = () => {
    const { idleTimeout } = this.#connection.limits;
    if (this.#phase === "head") this.#client.setTimeout(Math.min(idleTimeout, DRAINING_IDLE));
  };

  /** Nothing more is read; what was answered still goes out. */
  #finish(): void {
    this.#phase = "closing";
    this.#exchange = null;
    this.#headDeadline.callOff();
    this.#requests.take();
    this.#server.close();
    this.#output.flush();
    this.#client.end();
    this.#client.resume();
    this.#lingering.begin(LINGER);
  }

  #destroy(): void {
    this.#phase = "closing";
    this.#exchange = null;
    this.#server.close();
    this.#client.destroy();
  }

  #closed(): void {
    this.#phase = "closing";
    this.#exchange = null;
    this.#headDeadline.callOff();
    this.#lingering.callOff();
    this.#server.close();
    this.#connection.draining.removeEventListener("abort", this.#drain);
    this.#end.closed(this.#failure);
  }
}
