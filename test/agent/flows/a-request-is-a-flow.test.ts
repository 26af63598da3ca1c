import { expect, test } from "vitest";
import { type Flow, flow as flowSchema } from "#agent/api/flow.ts";
import { NearestRules } from "#agent/flows/nearest.ts";
import { FlowRenderer } from "#agent/flows/render.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import type { RequestContent, RequestRecord } from "#agent/proxy/request-record.ts";
import { db, dbRule, FakeContext, web, webRule } from "./fixture.ts";
import { addRequest, answer, deniedRequest, dns, http, kafka, request, tls } from "./request-fixture.ts";

/** A record's flow, once through the ring. */
function flowOf(record: RequestRecord, nearest = new NearestRules(new FakeContext())): Flow {
  const context = new FakeContext();
  const ring = new FlowRing(context, 4);
  addRequest(ring, record);
  const kept = ring.get(0);
  if (!kept) throw new Error("the ring lost the request");
  const renderer = new FlowRenderer(context, nearest);
  const flow = renderer.render(kept);
  expect(flowSchema.parse(flow)).toEqual(flow);
  expect(JSON.parse(renderer.write(kept).text)).toEqual(flow);
  return flow;
}

const endpoint = { labels: web.labels, namespace: "shop" };
const policy = (name: string) => ({
  name,
  namespace: "shop",
  labels: [
    "k8s:io.cilium.k8s.policy.derived-from=NetworkPolicy",
    `k8s:io.cilium.k8s.policy.name=${name}`,
    "k8s:io.cilium.k8s.policy.namespace=shop",
  ],
  revision: "41",
  kind: "NetworkPolicy",
});

test("a request that was allowed names both ends and the rules that allowed it", () => {
  expect(flowOf(request())).toEqual({
    time: "2026-01-31T12:00:00.000000001Z",
    uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/) as string,
    verdict: "FORWARDED",
    IP: { source: "10.0.0.7", destination: "10.0.0.8", ipVersion: "IPv4" },
    l4: { TCP: { source_port: 40_000, destination_port: 80, flags: {} } },
    source: { ID: 12, identity: 20481, pod_name: "web-1", ...endpoint },
    destination: { ID: 13, identity: 20482, pod_name: "db-0", ...endpoint, labels: db.labels },
    Type: "L7",
    node_name: "n1",
    event_type: { type: 129, sub_type: 0 },
    traffic_direction: "EGRESS",
    l7: {
      type: "REQUEST",
      http: {
        method: "GET",
        url: "http://db.shop/items?id=7",
        protocol: "HTTP/1.1",
        headers: [
          { key: "host", value: "db.shop" },
          { key: "authorization", value: "*" },
        ],
      },
    },
    is_reply: false,
    egress_allowed_by: [policy("web")],
    ingress_allowed_by: [policy("db")],
    weir: { rules: [webRule, dbRule], generation: "41", reason: "allowed by rule" },
  });
});

test("an answer goes the other way, and says how long it took", () => {
  expect(flowOf(answer({ ...http, code: 200 }))).toMatchObject({
    verdict: "FORWARDED",
    IP: { source: "10.0.0.8", destination: "10.0.0.7" },
    l4: { TCP: { source_port: 80, destination_port: 40_000 } },
    source: { pod_name: "db-0" },
    destination: { pod_name: "web-1" },
    traffic_direction: "EGRESS",
    is_reply: true,
    l7: { type: "RESPONSE", latency_ns: "3000000", http: { code: 200 } },
  });
});

test("a denial names the end that denied, the policies that were asked and the rule that came nearest", () => {
  const flow = flowOf(deniedRequest());
  expect(flow).toMatchObject({
    verdict: "DROPPED",
    drop_reason: 133,
    drop_reason_desc: "POLICY_DENIED",
    traffic_direction: "INGRESS",
    ingress_denied_by: [policy("db")],
    l7: { http: { code: 403 } },
    weir: {
      rules: [],
      denied: "ingress",
      reason: "no rule allows the request",
      nearest: { ...dbRule, because: "http is not what it asks for" },
    },
  });
  expect(flow).not.toHaveProperty("egress_allowed_by");
});

test("when too much is asked at once a denial is told without what came nearest", () => {
  const flow = flowOf(deniedRequest(), new NearestRules(new FakeContext(), 0));
  expect(flow.weir).not.toHaveProperty("nearest");
  expect(flow).toMatchObject({ verdict: "DROPPED", weir: { denied: "ingress" } });
});

test("what could not be understood or delivered is an error, of nobody's policy", () => {
  const flow = flowOf(request({ verdict: "error", rules: [], content: { ...http, code: 400 } }));
  expect(flow).toMatchObject({
    verdict: "ERROR",
    weir: { reason: "the request could not be understood or delivered" },
  });
  expect(flow).not.toHaveProperty("drop_reason_desc");
});

test("a request that comes in from the world is told of the pod that is here", () => {
  const { tuple } = request();
  const flow = flowOf(
    request({
      tuple: { ...tuple, sourceAddress: "2001:db8::1", destinationAddress: "fd00::8" },
      source: { endpoint: 0, identity: 2 },
      rules: [dbRule],
    }),
  );
  expect(flow).toMatchObject({
    IP: { source: "2001:db8::1", destination: "fd00::8", ipVersion: "IPv6" },
    source: { identity: 2, labels: ["reserved:world"] },
    traffic_direction: "INGRESS",
  });
});

const udp = { ...request().tuple, protocol: "UDP", destinationPort: 53 } as const;
const addresses = { ips: ["192.0.2.1", "2001:db8::1"], cnames: ["edge.example.net."], ttl: 60 };
test.each<[string, RequestRecord, object]>([
  [
    "a question of DNS",
    request({ tuple: udp, content: dns }),
    {
      l4: { UDP: { source_port: 40_000, destination_port: 53 } },
      l7: { dns: { query: "api.example.com.", observation_source: "proxy", qtypes: ["A"] } },
    },
  ],
  [
    "an answer of DNS",
    answer({ ...dns, ...addresses }, { tuple: udp }),
    { l7: { type: "RESPONSE", dns: { ...addresses, qtypes: ["A"], rrtypes: ["CNAME", "A", "AAAA"] } } },
  ],
  ["a name that is not there", answer({ ...dns, rcode: 3 }), { l7: { dns: { rcode: 3 } } }],
  [
    "a request with a header that is not as its rule says",
    request({ content: { ...http, mismatches: ["x-role"] } }),
    { weir: { http: { mismatches: ["x-role"] } } },
  ],
  [
    "a name of TLS",
    request({ content: tls }),
    { l7: { type: "REQUEST" }, weir: { tls: { serverName: tls.serverName } } },
  ],
  ["no name of TLS", request({ content: { ...tls, serverName: null } }), { weir: { tls: { serverName: null } } }],
  [
    "a request to Kafka",
    request({ content: kafka }),
    {
      l7: { kafka: { api_key: "produce", api_version: 7, correlation_id: 42, topic: "orders,audit", error_code: 0 } },
      weir: { kafka: { clientId: "billing" } },
    },
  ],
])("%s", (_, record, wanted) => {
  expect(flowOf(record)).toMatchObject(wanted);
});

const long = "é".repeat(70_000);
test.each<[RequestContent]>([
  [
    {
      ...http,
      method: long,
      url: `http://db.shop/${long}`,
      headers: Array.from({ length: 5000 }, (_, i) => ({ key: `x-${i}`, value: long })),
      mismatches: Array.from({ length: 5000 }, () => long),
    },
  ],
  [
    {
      ...dns,
      query: long,
      qtypes: [long],
      ips: Array.from({ length: 500 }, () => long),
      cnames: [long, long, long, long],
    },
  ],
  [{ ...tls, serverName: long }],
  [{ ...kafka, apiKey: long, clientId: long, topics: Array.from({ length: 5000 }, () => long) }],
])("of a text that is too long the beginning is kept: $family", (content) => {
  const { l7, weir } = flowOf(request({ content }));
  expect(JSON.stringify({ l7, weir }).length).toBeLessThan(3000);
});

test("what is no text is made one, because readers refuse it", () => {
  const { l7 } = flowOf(request({ content: { ...http, url: "http://db.shop/\ud800" } }));
  expect(l7?.http?.url).toBe("http://db.shop/\ufffd");
});
