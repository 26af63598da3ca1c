import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type * as z from "zod";
import type { PeerCredentials } from "#agent/net/peer-credentials.ts";
import { answerError, ApiError, type ErrorAnswer } from "./errors.ts";
import { jsonLines, jsonText } from "./json-text.ts";
import type { Gate } from "./gate.ts";
import { PacedWarnings } from "./paced-warnings.ts";
import type { Pools } from "./pools.ts";
import { parseJson, readBody } from "./request-body.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { Turns } from "./turns.ts";
import { matchPath, type Pool, type Route, type RouteInput, type RouteMatch } from "./route.ts";

/** Says what went wrong inside; the answer to the caller has gone out already. */
export type Warn = (message: string, error?: unknown) => void;

/** A request that is over. */
export interface ServedRequest {
  /** Words of the table, whatever was asked: where nothing there fits, `other` and `unknown`. */
  readonly method: string;
  readonly route: string;
  /** HTTP status; 499 (nginx's number): the caller went before the answer. */
  readonly status: number;
  readonly pool: Pool;
  readonly seconds: number;
}

/** A request that was to change something, whatever came of it. */
export interface ChangeRequest {
  readonly method: string;
  /** With the query, as a URL has it; at most 1024 characters. */
  readonly path: string;
  /** What it is about; missing: it could not be read. At most 1024 characters. */
  readonly subject?: string;
  /** HTTP status; 499: the caller went before the answer. */
  readonly status: number;
  /** Who asked. */
  readonly uid: number;
  /** 0: not in view. */
  readonly pid: number;
}

/** Whom a server tells what happens. */
export interface Listener {
  readonly warn: Warn;
  readonly served?: (request: ServedRequest) => void;
  readonly changed?: (request: ChangeRequest) => void;
}

/** What becomes known of a request while it is served. */
interface Known<P> {
  caller?: PeerCredentials;
  url?: URL;
  route?: Route<P>;
  subject?: string | null;
}

/** Sees a request before the routes do. True: it has answered. @throws what is answered as an error. */
export type Front = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HandlerOptions {
  readonly pools: Pools;
  /** Null: whoever can connect may ask. */
  readonly gate: Gate | null;
  /** How long, in ms, a caller may take nothing of its answer. */
  readonly patience: number;
  readonly front?: Front | undefined;
}

/** Serves one request after another by a table of routes. */
export class Handler<P> {
  readonly #routes: readonly Route<P>[];
  readonly #ports: P;
  readonly #pools: Pools;
  readonly #listener: Listener;
  readonly #gate: Gate | null;
  readonly #front: Front | undefined;
  readonly #patience: number;
  readonly #turns = new Turns();
  readonly #refusals: PacedWarnings;

  constructor(
    routes: readonly Route<P>[],
    ports: P,
    listener: Listener,
    { pools, gate, patience, front }: HandlerOptions,
  ) {
    this.#routes = routes;
    this.#ports = ports;
    this.#pools = pools;
    this.#listener = listener;
    this.#gate = gate;
    this.#front = front;
    this.#patience = patience;
    this.#refusals = new PacedWarnings(listener.warn);
  }

  /** Answers; never rejects. `stop` ends what waits and streams. */
  async serve(request: IncomingMessage, response: ServerResponse, stop: AbortSignal): Promise<void> {
    const gone = new AbortController();
    const hangUp = (): void => gone.abort(ended("stopping", "the agent stops"));
    response.once("close", () => {
      stop.removeEventListener("abort", hangUp);
      gone.abort(ended("caller-gone", "the caller hung up"));
    });
    stop.addEventListener("abort", hangUp);
    // A connection that is kept open would keep a stopping server from closing.
    response.once("finish", () => {
      if (stop.aborted) request.socket.destroySoon();
    });
    if (stop.aborted) hangUp();
    const began = performance.now();
    const known: Known<P> = {};
    try {
      await this.#answer(request, response, gone.signal, known);
    } catch (error) {
      if (!response.destroyed) this.#answerError(request, response, error, known);
    } finally {
      this.#tell(response, known, (performance.now() - began) / 1000);
    }
  }

  #answerError(request: IncomingMessage, response: ServerResponse, error: unknown, known: Known<P>): void {
    const answer = answerError(error);
    if (answer.status === 403) {
      const { uid, pid } = known.caller ?? {};
      const who = uid === undefined ? "" : ` for uid ${uid} (process ${pid})`;
      this.#refusals.tell(`refuse ${request.method} ${pathOf(known)}${who}: ${answer.body.error.message}`);
    }
    if (answer.status === 500)
      this.#listener.warn(`serve ${request.method} ${request.url}: ${answer.body.error.message}`, error);
    if (!response.headersSent) sendError(request, response, answer);
    else if (known.route?.stream) this.#endStream(response, answer);
    // Half an answer cannot be taken back: the caller sees that it was cut.
    else response.destroy();
  }

  /** The last line says why there are no more; whoever does not read it in time is cut off. */
  #endStream(response: ServerResponse, { body }: ErrorAnswer): void {
    const cut = setTimeout(() => response.destroy(), this.#patience);
    response.once("close", () => clearTimeout(cut));
    response.end(jsonLines([body]));
  }

  #tell({ headersSent, statusCode }: ServerResponse, known: Known<P>, seconds: number): void {
    const status = headersSent ? statusCode : callerGone;
    const { method, path, pool } = known.route ?? nowhere;
    this.#listener.served?.({ method, route: path, pool, status, seconds });
    const { caller, route, subject } = known;
    if (!caller || !route?.changes || subject === null || status === 403) return;
    const words = subject === undefined ? {} : { subject: subject.slice(0, mostWords) };
    this.#listener.changed?.({ method, path: pathOf(known), ...words, status, uid: caller.uid, pid: caller.pid });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
    known: Known<P>,
  ): Promise<void> {
    if (this.#front?.(request, response)) return;
    const url = parseUrl(request);
    known.url = url;
    const caller = this.#gate?.caller(request.socket);
    if (caller) known.caller = caller;
    this.#gate?.admit(caller);
    const { route, params } = this.#find(request, url);
    known.route = route;
    this.#gate?.allow(route);
    using place = this.#pools.take(route.pool);
    const bytes = await readBody(request, route.bodyLimit, place);
    // Calls of the container runtime go before all others.
    if (route.pool !== "cni") await this.#turns.next();
    const input = {
      params: parse(route.params, params, "path"),
      query: parse(route.query, queryObject(url.searchParams), "query"),
      body: parse(route.body, parseJson(bytes), "body"),
    } as RouteInput<never, never, never>;
    const subject = route.subject?.(input);
    if (subject !== undefined) known.subject = subject;
    const { progress } = route;
    const writer = new AnswerWriter(response, signal, this.#patience, progress && (() => progress(this.#ports)));
    if (route.stream) {
      // A request that is refused is refused here, while its status can still be said.
      const stream = route.stream(input, this.#ports, signal);
      writeHead(response, route.status, "application/x-ndjson");
      response.flushHeaders();
      for await (const values of stream) await writer.write(jsonLines(values));
    } else {
      const value = await route.handle?.(input, this.#ports, signal);
      writeHead(response, route.status, route.textType ?? "application/json");
      const texts = route.textType === undefined ? jsonText(value) : [String(value)];
      for (const text of texts) await writer.write(text);
    }
    response.end();
  }

  #find(request: IncomingMessage, url: URL): RouteMatch<P> {
    const matches = matchPath(this.#routes, url.pathname);
    const match = matches.find(({ route }) => route.method === request.method);
    if (match) return match;
    const allowed = matches.map(({ route }) => route.method);
    if (allowed.length === 0) {
      throw new ApiError("unknown-route", { asked: `serve ${url.pathname}`, obstacle: "there is no such path" });
    }
    throw new ApiError("method-not-allowed", {
      asked: `${request.method} ${url.pathname}`,
      obstacle: `only ${allowed.join(", ")} is possible`,
    });
  }
}

/** Status of an answer that nobody waited for. */
const callerGone = 499;

/** What a request asked for that no route serves. */
const nowhere = { method: "other", path: "unknown", pool: "call" } as const;

/** Most characters of a caller's words in the log. */
const mostWords = 1024;

/** As it stands in the log: what a URL cannot have is written by its numbers. */
function pathOf<P>({ url }: Known<P>): string {
  return url === undefined ? "?" : `${url.pathname}${url.search}`.slice(0, mostWords);
}

function parseUrl(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? "", "http://agent");
  if (url && request.url?.startsWith("/")) return url;
  throw new ApiError("bad-request", { asked: "read request", obstacle: "its target is not a path" });
}

function ended(code: "stopping" | "caller-gone", obstacle: string): ApiError {
  return new ApiError(code, { asked: "serve request", obstacle });
}

function queryObject(parameters: URLSearchParams): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    query[name] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return query;
}

function parse(schema: z.ZodType, value: unknown, part: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  throw new ApiError("bad-request", {
    asked: `read ${part}`,
    obstacle: lines[0] ?? "it has the wrong shape",
    details: lines.join("\n"),
  });
}

function writeHead(response: ServerResponse, status: number, type: string, headers: OutgoingHttpHeaders = {}): void {
  // What comes from outside is data here: no browser is to guess that it is something else.
  response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff", ...headers });
}

function sendError(request: IncomingMessage, response: ServerResponse, { status, body }: ErrorAnswer): void {
  // What is left of the request is not worth reading.
  writeHead(response, status, "application/json", request.complete ? {} : { connection: "close" });
  response.end(`${JSON.stringify(body)}\n`);
}
