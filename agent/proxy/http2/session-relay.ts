import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { connect, constants, performServerHandshake } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ProxiedConnection } from "../proxied-connection.ts";
import { ClientBounds } from "../client-bounds.ts";
import { DENIED_BY, describeDenier, judgeHttp } from "../http-judgement.ts";
import type { HttpOptions } from "../http-judgement.ts";
import { WallClock } from "../wall-clock.ts";
import { answerLocally } from "./local-answer.ts";
import { keepTrailers, relayStream } from "./relay-stream.ts";
import type { RelayEvents } from "./relay-stream.ts";
import { outgoingHead, readHead } from "./request-head.ts";
import type { RequestHead } from "./request-head.ts";
import { RequestTeller } from "./request-teller.ts";
import { clientFacingOptions, serverFacingOptions } from "./session-options.ts";
import { UpgradedServer, unsentHead } from "./upgraded-server.ts";

/**
 * Streams under way of one client's address, on all its connections to this process: each may hold a window of content each way
 * that nobody takes, 256 MiB together.
 */
const STREAMS_OF_CLIENT = 2048;
const openStreams = new ClientBounds(STREAMS_OF_CLIENT);

/** What streams are sent to. */
interface Server {
  readonly socket: Socket;
  readonly session: ClientHttp2Session;
  /** That are open. */
  readonly streams: Set<ClientHttp2Stream>;
  /** Nothing more will come from it. */
  isGone: boolean;
}

/** A request that was made by HTTP/1, and is answered on stream 1. */
export interface UpgradedRequest {
  readonly server: Socket;
  readonly isHead: boolean;
  answered(status: number): void;
  unanswered(): void;
}

interface AllowedRequest {
  readonly head: RequestHead;
  /** As they are sent to the server. */
  readonly headers: OutgoingHttpHeaders;
  /** Without content. */
  readonly endStream: boolean;
  /** That have come when the content is at its end. */
  readonly trailers: () => IncomingHttpHeaders;
}

/**
 * One session with the client and one with the server, and every stream of the former is one of the latter, if the
 * rules that are in force when its head has come allow it. The server is called for the first such stream. When it
 * wants no more streams (GOAWAY) the client is told so, and whichever connection ends, the other one ends, too.
 */
export class SessionRelay {
  readonly #connection: ProxiedConnection;
  readonly #options: HttpOptions;
  readonly #client: ServerHttp2Session;
  readonly #sockets: Socket[] = [];
  readonly #clock = new WallClock();
  #server: Promise<Server> | null = null;
  readonly #drain = (): void => this.#end();

  /** @param upgraded The request that is stream 1; null: there is none. */
  constructor(connection: ProxiedConnection, options: HttpOptions, upgraded: UpgradedRequest | null) {
    const { client, limits, draining } = connection;
    this.#connection = connection;
    this.#options = options;
    this.#client = performServerHandshake(client, clientFacingOptions(limits));
    this.#take(client, this.#client);
    resumeLater(client);
    const server = upgraded && this.#open(upgraded.server, new UpgradedServer(upgraded.server));
    if (server) this.#server = Promise.resolve(server);
    this.#client.on("stream", (stream, _head, flags, raw) => {
      stream.on("error", ignore);
      if (server && upgraded && stream.id === 1) this.#answerUpgraded(stream, server, upgraded);
      else this.#serve(stream, flags, raw);
    });
    client.once("end", () => this.#client.destroy());
    // The session is over. A client that does not close in its turn is not waited for.
    client.once("finish", () => {
      this.#server?.then(({ session }) => session.destroy()).catch(ignore);
      const linger = setTimeout(() => client.destroy(), limits.headTimeout);
      client.once("close", () => clearTimeout(linger));
    });
    draining.addEventListener("abort", this.#drain);
    if (draining.aborted && !upgraded) this.#end();
  }

  /** Settles when both connections are closed. */
  async closed(): Promise<void> {
    const { client, limits, draining } = this.#connection;
    let [bytes, looks] = [-1, 0];
    // What was written to one end was read from the other.
    const idle = setInterval(() => {
      const now = this.#sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
      looks = now === bytes ? looks + 1 : 0;
      bytes = now;
      // First in peace; then, where that is not read, without.
      if (looks === 2) this.#client.destroy();
      else if (looks > 2) this.#destroy();
    }, limits.idleTimeout / 2);
    await closing(client);
    draining.removeEventListener("abort", this.#drain);
    // It may just be called.
    const server = await this.#server?.catch(() => null);
    if (server) await closing(server.socket);
    clearInterval(idle);
  }

  #take(socket: Socket, session: ServerHttp2Session | ClientHttp2Session): void {
    this.#sockets.push(socket);
    // Else what came before the end, and has not been read, would be lost with it.
    socket.allowHalfOpen = true;
    // Whatever fails is closed, too, and that is listened to.
    session.on("error", ignore);
    socket.once("close", () => {
      if (socket === this.#connection.client) this.#destroy();
      else this.#end();
    });
  }

  #serve(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    const trailers = keepTrailers(stream);
    const rules = this.#connection.rules();
    if (!rules) return this.#destroy();
    const reading = readHead(raw, this.#connection.limits);
    const teller = new RequestTeller(this.#connection, rules.judgement, raw, this.#clock);
    if (!reading.ok) {
      teller.refused(reading.status);
      return answerLocally(stream, reading.status, reading.isGrpc);
    }
    const { head } = reading;
    const judged = judgeHttp(rules.ends, head.request);
    const { decision, mutations } = judged;
    teller.judged(judged);
    if (!decision.isAllowed) {
      const isNamed = this.#options.namesDenier;
      const more = isNamed ? { [DENIED_BY]: describeDenier(rules.ends, decision.deniedBy) } : {};
      return answerLocally(stream, 403, head.isGrpc, more);
    }
    const { sourceAddress } = this.#connection.tuple;
    if (!openStreams.enter(sourceAddress)) {
      teller.unanswered();
      // The client may ask again: RFC 9113, section 8.7.
      return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    }
    stream.once("close", () => openStreams.leave(sourceAddress));
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    void this.#pass(stream, { head, headers: outgoingHead(head, mutations), trailers, endStream }, teller);
  }

  async #pass(stream: ServerHttp2Stream, request: AllowedRequest, teller: RequestTeller): Promise<void> {
    const unanswered = (): void => {
      teller.unanswered();
      answerLocally(stream, 502, request.head.isGrpc);
    };
    let server: Server;
    try {
      server = await (this.#server ??= this.#call());
    } catch {
      // Which server answers the next connection may be another one.
      unanswered();
      return this.#end();
    }
    if (stream.destroyed || stream.closed) return;
    if (server.session.closed) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    this.#relay(stream, server, request, { answered: (status, answer) => teller.answered(status, answer), unanswered });
  }

  #answerUpgraded(stream: ServerHttp2Stream, server: Server, upgraded: UpgradedRequest): void {
    const request = { headers: unsentHead(upgraded.isHead), endStream: true, trailers: () => ({}) };
    this.#relay(stream, server, request, {
      answered: (status) => upgraded.answered(status),
      unanswered: () => {
        upgraded.unanswered();
        answerLocally(stream, 502, false);
      },
    });
    if (this.#connection.draining.aborted) this.#end();
  }

  #relay(
    stream: ServerHttp2Stream,
    server: Server,
    { headers, endStream, trailers }: Pick<AllowedRequest, "headers" | "endStream" | "trailers">,
    events: Pick<RelayEvents, "answered" | "unanswered">,
  ): void {
    const onward = server.session.request(headers, { endStream, waitForTrailers: !endStream });
    server.streams.add(onward);
    onward.once("close", () => server.streams.delete(onward));
    const isServerGone = (): boolean => server.isGone || server.session.destroyed;
    relayStream(stream, onward, { ...events, trailers, isServerGone });
  }

  async #call(): Promise<Server> {
    const socket = await this.#connection.connect();
    const server = this.#open(socket, socket);
    resumeLater(socket);
    return server;
  }

  #open(socket: Socket, transport: Duplex): Server {
    const options = { ...serverFacingOptions(this.#connection.limits), createConnection: () => transport };
    const session = connect("http://server.invalid", options);
    const server: Server = { socket, session, streams: new Set(), isGone: false };
    session.once("remoteSettings", ({ enableConnectProtocol }) => {
      if (enableConnectProtocol && !this.#client.destroyed) this.#client.settings({ enableConnectProtocol });
    });
    session.on("goaway", () => this.#end());
    const gone = (): void => {
      server.isGone = true;
      for (const stream of server.streams) {
        if (stream.state.remoteClose !== 1) stream.destroy();
      }
      this.#end();
    };
    socket.once("end", gone);
    socket.once("close", gone);
    this.#take(socket, session);
    if (this.#connection.client.destroyed) socket.destroy();
    return server;
  }

  /** No more streams; those that are open go on to their end. */
  #end(): void {
    if (!this.#client.closed) this.#client.close();
  }

  #destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** `node:http2` takes what has been put back at the next tick; before that it would flow to nobody. */
function resumeLater(socket: Socket): void {
  process.nextTick(() => socket.resume());
}

async function closing(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
}

function ignore(): void {}
