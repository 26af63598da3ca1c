import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { connect, constants, performServerHandshake } from "node:http2";
import type { Socket } from "node:net";
import type { ProxiedConnection } from "../proxied-connection.ts";
import { judgeHttp } from "../http-judgement.ts";
import { answerLocally } from "./local-answer.ts";
import { keepTrailers, relayStream } from "./relay-stream.ts";
import { outgoingHead, readHead } from "./request-head.ts";
import type { RequestHead } from "./request-head.ts";
import { RequestTeller } from "./request-teller.ts";
import { clientFacingOptions, serverFacingOptions } from "./session-options.ts";

/** What streams are sent to. */
interface Server {
  readonly session: ClientHttp2Session;
  /** That are open. */
  readonly streams: Set<ClientHttp2Stream>;
  /** Nothing more will come from it. */
  isGone: boolean;
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
  readonly #client: ServerHttp2Session;
  readonly #sockets: Socket[] = [];
  #server: Promise<Server> | null = null;
  readonly #drain = (): void => this.#end();

  constructor(connection: ProxiedConnection) {
    const { client, limits, draining } = connection;
    this.#connection = connection;
    this.#client = performServerHandshake(client, clientFacingOptions(limits));
    this.#client.on("stream", (stream, _head, flags, raw) => this.#serve(stream, flags, raw));
    this.#take(client, this.#client);
    client.once("end", () => this.#client.destroy());
    // The session is over. A client that does not close in its turn is not waited for.
    client.once("finish", () => {
      this.#server?.then(({ session }) => session.destroy()).catch(ignore);
      const linger = setTimeout(() => client.destroy(), limits.headTimeout);
      client.once("close", () => clearTimeout(linger));
    });
    draining.addEventListener("abort", this.#drain);
    if (draining.aborted) this.#end();
  }

  /** Settles when both connections are closed. */
  async closed(): Promise<void> {
    const { limits, draining } = this.#connection;
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
    for (const socket of this.#sockets) {
      if (!socket.closed) await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
    }
    clearInterval(idle);
    draining.removeEventListener("abort", this.#drain);
  }

  /** Sockets are left to `node:http2` paused, and it waits for nobody to read them. */
  #take(socket: Socket, session: ServerHttp2Session | ClientHttp2Session): void {
    this.#sockets.push(socket);
    // Else what came before the end, and has not been read, would be lost with it.
    socket.allowHalfOpen = true;
    socket.resume();
    // Whatever fails is closed, too, and that is listened to.
    session.on("error", ignore);
    socket.once("close", () => {
      if (socket === this.#connection.client) this.#destroy();
      else this.#end();
    });
  }

  #serve(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    stream.on("error", ignore);
    const trailers = keepTrailers(stream);
    const rules = this.#connection.rules();
    if (!rules) return this.#destroy();
    const reading = readHead(raw, this.#connection.limits);
    const teller = new RequestTeller(this.#connection, rules.judgement, raw);
    if (!reading.ok) {
      teller.refused(reading.status);
      return answerLocally(stream, reading.status, reading.isGrpc);
    }
    const { head } = reading;
    const judged = judgeHttp(rules.ends, head.request);
    const { decision, mutations } = judged;
    teller.judged(judged);
    if (!decision.isAllowed) return answerLocally(stream, 403, head.isGrpc);
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    void this.#pass(stream, { head, headers: outgoingHead(head, mutations), trailers, endStream }, teller);
  }

  async #pass(stream: ServerHttp2Stream, request: AllowedRequest, teller: RequestTeller): Promise<void> {
    const { headers, endStream, trailers } = request;
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
    const onward = server.session.request(headers, { endStream, waitForTrailers: !endStream });
    server.streams.add(onward);
    onward.once("close", () => server.streams.delete(onward));
    relayStream(stream, onward, {
      trailers,
      answered: (status) => teller.answered(status),
      unanswered,
      isServerGone: () => server.isGone || server.session.destroyed,
    });
  }

  async #call(): Promise<Server> {
    const socket = await this.#connection.connect();
    const options = { ...serverFacingOptions(this.#connection.limits), createConnection: () => socket };
    const session = connect("http://server.invalid", options);
    const server: Server = { session, streams: new Set(), isGone: false };
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

function ignore(): void {}
