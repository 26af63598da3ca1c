import type { FlowRing } from "#agent/flows/ring.ts";
import type { RequestContent, RequestRecord } from "#agent/proxy/request-record.ts";
import { db, dbRule, web, webRule } from "./fixture.ts";

type Content<Family extends RequestContent["family"]> = Extract<RequestContent, { family: Family }>;

export const http: Content<"http"> = {
  family: "http",
  method: "GET",
  url: "http://db.shop/items?id=7",
  protocol: "HTTP/1.1",
  code: 0,
  headers: [
    { key: "host", value: "db.shop" },
    { key: "authorization", value: "*" },
  ],
};
export const dns: Content<"dns"> = {
  family: "dns",
  query: "api.example.com.",
  qtypes: ["A"],
  rcode: 0,
  ips: [],
  cnames: [],
  ttl: 0,
};
export const tls: Content<"tls"> = { family: "tls", serverName: "api.example.com" };
export const kafka: Content<"kafka"> = {
  family: "kafka",
  apiKey: "produce",
  apiVersion: 7,
  correlationId: 42,
  clientId: "billing",
  topics: ["orders", "audit"],
  errorCode: 0,
};

/** What the proxy tells of a request of shop/web-1 to shop/db-0, port 80, that both policies allow. */
export function request(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    time: "1769860800000000001",
    tuple: {
      protocol: "TCP",
      sourceAddress: "10.0.0.7",
      sourcePort: 40_000,
      destinationAddress: "10.0.0.8",
      destinationPort: 80,
    },
    source: { endpoint: web.endpoint, identity: web.identity },
    destination: { endpoint: db.endpoint, identity: db.identity },
    verdict: "forwarded",
    rules: [webRule, dbRule],
    deniedBy: null,
    kind: "request",
    latency: null,
    content: http,
    ...changes,
  };
}

/** The same, which db's policy does not allow. */
export function deniedRequest(changes: Partial<RequestRecord> = {}): RequestRecord {
  return request({
    verdict: "denied",
    rules: [],
    deniedBy: "destination",
    content: { ...http, code: 403 },
    ...changes,
  });
}

/** Its answer, after 3 ms. */
export function answer(content: RequestContent, changes: Partial<RequestRecord> = {}): RequestRecord {
  return request({ kind: "response", latency: 3_000_000, content, ...changes });
}

/** Gives a ring a request as the proxy tells it, in policy generation 41. */
export function addRequest(ring: FlowRing, record: RequestRecord): void {
  ring.addRequest(record, 41n);
  ring.settle();
}
