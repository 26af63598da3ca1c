import type { HttpJudgement } from "../http-judgement.ts";
import type { CurrentRules, ProxiedConnection } from "../proxied-connection.ts";
import { recordEnds } from "../request-record.ts";
import type { RequestRecord } from "../request-record.ts";
import type { Fields } from "./fields.ts";
import type { RequestHead } from "./request-head.ts";
import { WallClock } from "../wall-clock.ts";

type HttpContent = Extract<RequestRecord["content"], { readonly family: "http" }>;

/** Tells of the requests of one connection, one after the other. */
export class RequestRecords {
  readonly #connection: ProxiedConnection;
  readonly #clock = new WallClock();
  #request: RequestRecord | null = null;
  #judgedAt = 0;

  constructor(connection: ProxiedConnection) {
    this.#connection = connection;
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
        headers: head.fields.told(this.#connection.shownHeaders),
        ...(mismatches.length === 0 ? {} : { mismatches }),
      },
    };
    this.#connection.tell(this.#request);
  }

  /** The server's answer; of the proxy's own for want of one there are no fields. */
  answered(code: number, fields: Fields | null): void {
    const request = this.#request;
    if (request === null) return;
    this.#request = null;
    const now = performance.now();
    this.#connection.tell({
      ...request,
      time: this.#clock.nanoseconds(now),
      verdict: fields === null ? "error" : "forwarded",
      kind: "response",
      latency: Math.round((now - this.#judgedAt) * 1e6),
      content: {
        ...(request.content as HttpContent),
        code,
        headers: fields === null ? [] : fields.told(this.#connection.shownHeaders),
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
