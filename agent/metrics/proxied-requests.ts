import { STATUS_CODES } from "node:http";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { Family } from "./exposition.ts";
import { Counter, Histogram } from "./series.ts";

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** RFC 9110 9.3, RFC 5789. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);
/** Those that are asked for in practice. */
const types = new Set(["A", "AAAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT"]);
/** RFC 1035 4.1.1, RFC 2136 2.2. */
const codes: readonly string[] = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
];

const outcomes = { forwarded: "forwarded", denied: "denied", error: "parse_errors" } as const;
const other = "other";

/** What the proxy tells of requests, counted. No label is a text of a request: only known ones have a name. */
export class ProxiedRequests {
  readonly #total = new Counter("weir_policy_l7_total");
  readonly #http = new Counter("weir_http_requests_total");
  readonly #httpDurations = new Histogram("weir_http_request_duration_seconds", seconds);
  readonly #dnsQueries = new Counter("weir_dns_queries_total");
  readonly #dnsResponses = new Counter("weir_dns_responses_total");
  readonly #durations = new Histogram("weir_proxy_upstream_reply_seconds", seconds);
  readonly #lost = new Counter("weir_proxy_records_lost_total");

  constructor() {
    this.lost(0);
  }

  add({ kind, verdict, latency, content }: RequestRecord): void {
    const { family: protocol } = content;
    const isAnswer = kind === "response";
    if (!isAnswer) {
      this.#total.add({ rule: "received", protocol });
      this.#total.add({ rule: outcomes[verdict], protocol });
    }
    const isServers = isAnswer && verdict === "forwarded";
    const duration = isServers && latency !== null ? latency / 1e9 : null;
    if (duration !== null) this.#durations.observe({ protocol }, duration);
    if (content.family === "http") {
      const method = methods.has(content.method) ? content.method : other;
      // A request that is forwarded is counted with its answer.
      if (isAnswer || verdict !== "forwarded") this.#http.add({ method, status: statusOf(content.code), verdict });
      if (duration !== null) this.#httpDurations.observe({ method }, duration);
    }
    if (content.family === "dns") {
      const [type = other] = content.qtypes;
      if (!isAnswer) this.#dnsQueries.add({ qtype: types.has(type) ? type : other, verdict });
      if (isServers) this.#dnsResponses.add({ rcode: codes[content.rcode] ?? other });
    }
  }

  lost(count: number): void {
    this.#lost.add({}, count);
  }

  families(): Family[] {
    return [
      this.#total,
      this.#http,
      this.#httpDurations,
      this.#dnsQueries,
      this.#dnsResponses,
      this.#durations,
      this.#lost,
    ].map((metric) => metric.family());
  }
}

/** That of the registry, or of a number that has no entry its class: `4xx`. */
function statusOf(code: number): string {
  if (code in STATUS_CODES) return String(code);
  const first = Math.floor(code / 100);
  return first >= 1 && first <= 5 ? `${first}xx` : other;
}
