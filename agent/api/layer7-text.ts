import type { Flow } from "./flow.ts";

type Told = Pick<Flow, "l7"> & { readonly weir: Pick<Flow["weir"], "tls"> };

/** What a flow of type L7 tells of. */
export type Layer7Family = "http" | "dns" | "kafka" | "tls";

/** Undefined: the flow is of another type. */
export function layer7Family({ l7, weir }: Told): Layer7Family | undefined {
  if (l7 === undefined) return undefined;
  if (l7.http) return "http";
  if (l7.dns) return "dns";
  if (l7.kafka) return "kafka";
  return weir.tls ? "tls" : undefined;
}

/** A request or an answer in a line, as Hubble's command line has it; undefined: the flow is of another type. */
export function layer7Text(flow: Told): string | undefined {
  const { l7, weir } = flow;
  if (l7 === undefined) return undefined;
  const isAnswer = l7.type === "RESPONSE";
  const took = `${Math.floor(Number(l7.latency_ns ?? "0") / 1e6)}ms`;
  if (l7.http) {
    const { protocol, method, url, code } = l7.http;
    if (isAnswer) return `${protocol} ${code ?? 0} ${took} (${method} ${url})`;
    // What could not be read has neither.
    return [protocol, method, url, code ?? ""].filter((word) => word !== "").join(" ");
  }
  if (l7.dns) return dnsText(l7.dns, isAnswer);
  if (l7.kafka) {
    const { api_key: key, correlation_id: id, topic, error_code: error } = l7.kafka;
    const about = `correlation id ${id}${topic === "" ? "" : ` topic '${topic}'`}`;
    return isAnswer ? `Kafka ${key} ${took} ${about} return code ${error}` : `Kafka ${key} ${about}`;
  }
  if (weir.tls) return `TLS ClientHello ${weir.tls.serverName ?? "without a server name"}`;
  return undefined;
}

/** What an answer's code means; RFC 1035 4.1.1, in Hubble's words. */
const codes: Readonly<Record<number, string>> = {
  1: "Format Error",
  2: "Server Failure",
  3: "Non-Existent Domain",
  4: "Not Implemented",
  5: "Query Refused",
};

function dnsText(dns: NonNullable<NonNullable<Flow["l7"]>["dns"]>, isAnswer: boolean): string {
  const { query, qtypes, rcode = 0, ips = [], cnames = [], ttl = 0 } = dns;
  const question = `${query} ${qtypes.join(",")}`;
  if (!isAnswer) return `DNS Query ${question}`;
  const parts: string[] = [];
  if (rcode !== 0) parts.push(`RCode: ${codes[rcode] ?? rcode}`);
  if (ips.length > 0) parts.push(`"${ips.join(",")}"`);
  if (cnames.length > 0) parts.push(`CNAMEs: "${cnames.join(",")}"`);
  if (ips.length + cnames.length > 0) parts.push(`TTL: ${ttl}`);
  return `DNS Answer ${[...parts, `(Proxy ${question})`].join(" ")}`;
}
