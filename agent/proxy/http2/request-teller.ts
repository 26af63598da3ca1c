import type { IncomingHttpHeaders } from "node:http2";
import { toldValue } from "../header-values.ts";
import type { HttpJudgement } from "../http-judgement.ts";
import type { WallClock } from "../wall-clock.ts";
import type { Judgement } from "../judgement.ts";
import type { ProxiedConnection } from "../proxied-connection.ts";
import type { RequestRecord } from "../request-record.ts";
import { recordEnds } from "../request-record.ts";

interface ShownHeader {
  readonly key: string;
  readonly value: string;
}

/** Tells of one request and its answer. */
export class RequestTeller {
  readonly #connection: ProxiedConnection;
  readonly #judgement: Judgement;
  readonly #clock: WallClock;
  readonly #begin = performance.now();
  readonly #method: string;
  readonly #url: string;
  readonly #headers: ShownHeader[] = [];
  #judged: HttpJudgement | null = null;

  /** @param raw names and values in turn. */
  constructor(connection: ProxiedConnection, judgement: Judgement, raw: readonly string[], clock: WallClock) {
    this.#clock = clock;
    this.#connection = connection;
    this.#judgement = judgement;
    const pseudo = new Map<string, string>();
    for (let i = 0; i < raw.length; i += 2) {
      const [name, value] = [raw[i] ?? "", raw[i + 1] ?? ""];
      if (name.startsWith(":")) pseudo.set(name, value);
      else this.#headers.push(this.#show(name, value));
    }
    const [method, scheme, host, path] = [":method", ":scheme", ":authority", ":path"].map((name) => pseudo.get(name));
    this.#method = method ?? "";
    this.#url = `${scheme === undefined ? "" : `${scheme}://`}${host ?? ""}${path ?? ""}`;
  }

  judged(judged: HttpJudgement): void {
    this.#judged = judged;
    const { isAllowed } = judged.decision;
    this.#tell("request", isAllowed ? "forwarded" : "denied", isAllowed ? 0 : 403, this.#headers);
  }

  /** It could not be understood. */
  refused(status: number): void {
    this.#tell("request", "error", status, this.#headers);
  }

  answered(status: number, head: IncomingHttpHeaders): void {
    const shown: ShownHeader[] = [];
    for (const [name, value] of Object.entries(head)) {
      if (!name.startsWith(":")) shown.push(this.#show(name, String(value)));
    }
    this.#tell("response", "forwarded", status, shown);
  }

  /** The server could not be reached, or did not answer. */
  unanswered(): void {
    this.#tell("response", "error", 502, []);
  }

  #show(key: string, value: string): ShownHeader {
    return { key, value: toldValue(key, value, this.#connection.shownHeaders) };
  }

  #tell(
    kind: RequestRecord["kind"],
    verdict: RequestRecord["verdict"],
    code: number,
    headers: readonly ShownHeader[],
  ): void {
    const now = performance.now();
    const { decision, mismatches = [] } = this.#judged ?? {};
    this.#connection.tell({
      time: this.#clock.nanoseconds(kind === "request" ? this.#begin : now),
      tuple: this.#connection.tuple,
      ...recordEnds(this.#judgement),
      verdict,
      rules: decision?.rules ?? [],
      deniedBy: decision?.deniedBy ?? null,
      kind,
      latency: kind === "request" ? null : Math.round((now - this.#begin) * 1e6),
      content: {
        family: "http",
        method: this.#method,
        url: this.#url,
        protocol: "HTTP/2",
        code,
        headers,
        ...(mismatches.length > 0 && { mismatches }),
      },
    });
  }
}
