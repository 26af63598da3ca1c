import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import type { MetricView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { HubbleClient } from "#test/support/hubble-client.ts";
import { http, l7Policy } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({ args: ["--trace-interval", "0s", "--l7-show-headers", "X-Tenant"] });
const pods = usePods(node, ["web", "client"]);
const reading = http(
  80,
  '{method: GET, path: "/public/.*"}',
  '{method: POST, path: "/orders", headers: ["X-Tenant: blue"]}',
);
let hubble: HubbleClient;

prepare(async () => {
  hubble = new HubbleClient(`unix:${join(node().runDir, "hubble.sock")}`);
  await startNginx({ lab: node().lab, place: pods.web.namespace, name: "web", ports: [80] });
  const ingress = [`{fromEndpoints: [{matchLabels: {app: client}}], ${reading}}`];
  await node().changeObjects("web.yaml", l7Policy({ name: "web", app: "web", ingress }));
  const secret = ["-H", "Authorization: Bearer secret", "-H", "X-Tenant: red"];
  await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/public/a?b=c"), ...secret);
  await curl(pods.client.namespace, urlOf(pods.web.ipv6, 80, "/admin"), ...secret);
  await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/orders"), ...secret, "-d", "content");
  await until("flows of all requests", async () => (await observe("--type", "l7")).length === 4);
});
afterAll(() => hubble[Symbol.dispose]());

async function observe(...args: readonly string[]): Promise<Flow[]> {
  const { code, stdout } = await node().weir("observe", "-o", "json", ...args);
  expect(code).toBe(0);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Flow);
}

const brief = ({ verdict, l7, weir }: Flow): unknown[] => {
  return [verdict, l7?.type, l7?.http?.method, l7?.http?.code ?? null, weir.nearest?.because ?? weir.rules[0]?.name];
};

test("each request and each answer is a flow, between the connection's ends, with the rule or what it lacks", async () => {
  const flows = await observe("--type", "l7");
  expect(flows.map(brief)).toEqual([
    ["FORWARDED", "REQUEST", "GET", null, "web"],
    ["FORWARDED", "RESPONSE", "GET", 200, "web"],
    ["DROPPED", "REQUEST", "GET", 403, "path /admin is not /public/.*"],
    ["DROPPED", "REQUEST", "POST", 403, "header X-Tenant: blue is missing"],
  ]);
  const [asked, answered, denied] = flows;
  expect(asked).toMatchObject({
    source: { namespace: "default", pod_name: "client" },
    destination: { namespace: "default", pod_name: "web" },
    IP: { source: pods.client.ipv4, destination: pods.web.ipv4 },
    l4: { TCP: { destination_port: 80 } },
    traffic_direction: "INGRESS",
    is_reply: false,
    l7: { http: { url: `http://${pods.web.ipv4}/public/a?b=c`, protocol: "HTTP/1.1" } },
    ingress_allowed_by: [{ name: "web" }],
  });
  expect(answered).toMatchObject({ source: { pod_name: "web" }, is_reply: true });
  expect(Number(answered?.l7?.latency_ns)).toBeGreaterThan(0);
  expect(denied).toMatchObject({
    IP: { source: pods.client.ipv6 },
    weir: { denied: "ingress", nearest: { kind: "CiliumNetworkPolicy", name: "web", rule: "ingress[0]" } },
    ingress_denied_by: [{ name: "web" }],
  });
  // The connection's own flow came before, under the same ports.
  const connection = (await observe("--type", "policy-verdict", "--from-ip", pods.client.ipv6))[0];
  expect(connection?.l4?.TCP?.source_port).toBe(denied?.l4?.TCP?.source_port);
});

test("values of headers are told where the agent was started to, and of harmless ones", async () => {
  const [asked] = await observe("--http-path", "^/public/");
  const headers = new Map(asked?.l7?.http?.headers.map(({ key, value }) => [key.toLowerCase(), value]));
  expect(headers.get("x-tenant")).toBe("red");
  expect(headers.get("authorization")).toBe("[redacted]");
  expect(headers.get("host")).toBe(pods.web.ipv4);
  expect(JSON.stringify(await observe())).not.toContain("secret");
});

test("Hubble's clients find them", async () => {
  const found = await hubble.flows({
    whitelist: [{ http_status_code: ["4+"], http_path: ["^/adm"], protocol: ["http"] }],
  });
  expect(found).toMatchObject([
    { Type: "L7", verdict: "DROPPED", drop_reason_desc: "POLICY_DENIED", l7: { http: { code: 403 } } },
  ]);
});

test("they are counted", async () => {
  const metrics = await node().read<MetricView[]>("metrics");
  const value = (name: string, labels: Readonly<Record<string, string>>) =>
    metrics.find((one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text))
      ?.value;
  expect(value("weir_policy_l7_total", { rule: "received", protocol: "http" })).toBe(3);
  expect(value("weir_policy_l7_total", { rule: "denied", protocol: "http" })).toBe(2);
  expect(value("weir_http_requests_total", { method: "GET", status: "200", verdict: "forwarded" })).toBe(1);
  expect(value("weir_http_requests_total", { method: "POST", status: "403", verdict: "denied" })).toBe(1);
  expect(value("weir_http_request_duration_seconds_count", { method: "GET" })).toBe(1);
  expect(value("weir_proxy_records_lost_total", {})).toBe(0);
});
