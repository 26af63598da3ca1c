import { toldValue } from "../header-values.ts";
import type { HttpJudgement } from "../http-judgement.ts";
import type { Judgement } from "../judgement.ts";
import type { ProxiedConnection } from "../proxied-connection.ts";
import type { RequestRecord } from "../request-record.ts";
import { recordEnds } from "../request-record.ts";

/** Tells of one request and its answer. */
export class RequestTeller {
  readonly #connection: ProxiedConnection;
  readonly #judgement: Judgement;
  readonly #begin = process.hrtime.bigint();
  readonly #content: {
    readonly method: string;
    readonly url: string;
    readonly headers: { key: string; value: string }[];
  };
  #judged: HttpJudgement | null = null;

  constructor(connection: ProxiedConnection, judgement: Judgement, raw: readonly string[]) {
    this.#connection = connection;
    this.#judgement = judgement;
    const pseudo = new Map<string, string>();
    const headers: { key: string; value: string }[] = [];
    for (let i = 0; i < raw.length; i += 2) {
      const [key, value] = [raw[i] ?? "", raw[i + 1] ?? ""];
      if (key.startsWith(":")) pseudo.set(key, value);
      else headers.push({ key, value: toldValue(key, value, connection.shownHeaders) });
    }
    const [scheme, host, path] = [":scheme", ":authority", ":path"].map((name) => pseudo.get(name) ?? "");
    this.#content = {
      method: pseudo.get(":method") ?? "",
      url: scheme === "" ? `${host}${path}` : `${scheme}://${host}${path}`,
      headers,
    };
  }

  judged(judged: HttpJudgement): void {
    this.#judged = judged;
    const { decision } = judged;
    this.#tell("request", decision.isAllowed ? "forwarded" : "denied", decision.isAllowed ? 0 : 403);
  }

  /** It could not be understood. */
  refused(status: number): void {
    this.#tell("request", "error", status);
  }

  answered(status: number): void {
    this.#tell("response", "forwarded", status);
  }

  /** The server could not be reached, or did not answer. */
  unanswered(): void {
    this.#tell("response", "error", 502);
  }

  #tell(kind: RequestRecord["kind"], verdict: RequestRecord["verdict"], code: number): void {
    const { tuple } = this.#connection;
    const { decision, mismatches = [] } = this.#judged ?? {};
    this.#connection.tell({
      time: `${BigInt(Date.now()) * 1_000_000n}`,
      tuple,
      ...recordEnds(this.#judgement),
      verdict,
      rules: decision?.rules ?? [],
      deniedBy: decision?.deniedBy ?? null,
      kind,
      latency: kind === "request" ? null : Number(process.hrtime.bigint() - this.#begin),
      content: {
        family: "http",
        protocol: "HTTP/2",
        code,
        ...this.#content,
        ...(mismatches.length > 0 && { mismatches }),
      },
    });
  }
}
