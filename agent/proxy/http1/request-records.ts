import { toldValue } from "../header-values.ts";
import type { HttpJudgement } from "../http-judgement.ts";
import type { CurrentRules, ProxiedConnection } from "../proxied-connection.ts";
import { recordEnds } from "../request-record.ts";
import type { RequestRecord } from "../request-record.ts";
import type { Fields } from "./fields.ts";
import type { RequestHead } from "./request-head.ts";
import { WallClock } from "./wall-clock.ts";

type HttpContent = Extract<RequestRecord["content"], { readonly family: "http" }>;

/** Tells of the requests of one connection, one after the other. */
export class RequestRecords {
  readonly #connection: ProxiedConnection;
  readonly #clock = new WallClock();
  readonly #requestHeaders: ShownHeaders;
  readonly #answerHeaders: ShownHeaders;
  #request: RequestRecord | null = null;
  #judgedAt = 0;

  constructor(connection: ProxiedConnection) {
    this.#connection = connection;
    this.#requestHeaders = new ShownHeaders(connection);
    this.#answerHeaders = new ShownHeaders(connection);
  }

  judged(head: RequestHead, { judgement }: CurrentRules, { decision, mismatches }: HttpJudgement): void {
    this.#judgedAt = performance.now();
    this.#request = {
      time: this.#clock.nanoseconds(this.#judgedAt),
      tuple: this.#connection.tuple,
      ...recordEnds(judgement),
      verdict: decision.isAllowed ? "forwarded" : "denied",
      rules: decision.rules,
      deniedBy: decision.deniedBy,
      kind: "request",
      latency: null,
      content: {
        family: "http",
        method: head.method,
        url: url(head),
        protocol: head.minor === 1 ? "HTTP/1.1" : "HTTP/1.0",
        code: decision.isAllowed ? 0 : 403,
        headers: this.#requestHeaders.of(head.fields),
        ...(mismatches.length === 0 ? {} : { mismatches }),
      },
    };
    this.#connection.tell(this.#request);
  }

  /** The server's answer; of the proxy's own for want of one there are no fields. */
  answered(code: number, fields: Fields | null): void {
    if (this.#request === null) return;
    const now = performance.now();
    this.#connection.tell({
      ...this.#request,
      time: this.#clock.nanoseconds(now),
      verdict: fields === null ? "error" : "forwarded",
      kind: "response",
      latency: Math.round((now - this.#judgedAt) * 1e6),
      content: {
        ...(this.#request.content as HttpContent),
        code,
        headers: fields === null ? [] : this.#answerHeaders.of(fields),
      },
    });
  }

  /** Bytes that are no request. */
  refused({ judgement }: CurrentRules): void {
    this.#connection.tell({
      time: this.#clock.nanoseconds(performance.now()),
      tuple: this.#connection.tuple,
      ...recordEnds(judgement),
      verdict: "error",
      rules: [],
      deniedBy: null,
      kind: "request",
      latency: null,
      content: { family: "http", method: "", url: "", protocol: "HTTP/1.1", code: 400, headers: [] },
    });
  }
}

function url({ rawTarget, host }: RequestHead): string {
  return rawTarget.startsWith("/") ? `http://${host}${rawTarget}` : rawTarget;
}

/** Headers as they may be told of; those of the last head are kept, as they may be those of the next. */
class ShownHeaders {
  readonly #connection: ProxiedConnection;
  #fields: Fields | null = null;
  #with: ProxiedConnection["shownHeaders"] | null = null;
  #shown: HttpContent["headers"] = [];

  constructor(connection: ProxiedConnection) {
    this.#connection = connection;
  }

  of(fields: Fields): HttpContent["headers"] {
    const { shownHeaders } = this.#connection;
    if (fields === this.#fields && shownHeaders === this.#with) return this.#shown;
    const { flat, written } = fields;
    this.#fields = fields;
    this.#with = shownHeaders;
    this.#shown = written.map((key, i) => ({
      key,
      value: toldValue(flat[2 * i] as string, flat[2 * i + 1] as string, shownHeaders),
    }));
    return this.#shown;
  }
}
