import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { NodeFlowContext } from "#agent/node/flow-context.ts";
import type { RequestContent } from "#agent/proxy/request-record.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { weir } from "#test/agent/cli/cli-fixture.ts";
import {
  addRequest,
  answer,
  deniedRequest,
  dns,
  http,
  kafka,
  request,
  tls,
} from "#test/agent/flows/request-fixture.ts";
import { root } from "#test/architecture/source-tree.ts";

const objects = ["shop.yaml", "clusterwide.yaml", "cluster.yaml"].flatMap((file) => {
  const parsed = parseObjects(readFileSync(join(root, "test/fixtures/policies/cilium", file), "utf8"), file);
  if (!parsed.ok) throw new Error(`${file}: ${parsed.errors[0]?.message}`);
  return parsed.objects;
});

/** A node with shop/web-1 (endpoint 12) and shop/api-1 (endpoint 13) under the policies of the fixture. */
function makeContext(): NodeFlowContext {
  const parties = resolveParties(objects, "shop/web-1", "shop/api-1");
  if (!parties.ok) throw new Error(parties.error);
  const endpoints = (
    [
      [12, "web-1", parties.source],
      [13, "api-1", parties.destination],
    ] as const
  ).map(([id, pod, { subject }]) => {
    if (!subject) throw new Error(`${pod} is no pod`);
    const record = { id, incarnation: 1, identity: 20_469 + id, ifindex: id, hostInterface: `weir${id}` };
    return { record: { ...record, namespace: "shop", pod, labels: subject.labels }, subject };
  });
  return new NodeFlowContext({
    config: { nodeName: "n1" },
    clock: { wallNanoseconds: (boot) => boot, now: () => new Date() },
    endpoints: { list: () => endpoints, get: (number) => endpoints.find(({ record }) => record.id === number) },
    pods: { find: () => undefined },
    devices: { present: [] },
    identities: { subject: () => undefined },
    references: { lookup: () => [] },
    names: { namesOf: () => [] },
    outsiders: { party: () => undefined },
    enforcement: { outsiders: { ownLabels: {} } },
    policy: { objects, at: () => ({ objects, options: {} }) },
  });
}

let ring: FlowRing;
let api: ApiFixture;
beforeEach(async () => {
  const context = makeContext();
  ring = new FlowRing(context, 64);
  api = await ApiFixture.start({ flows: new FlowReader(ring, context) });
  return () => api[Symbol.asyncDispose]();
});

const tuple = { ...request().tuple, destinationPort: 8081 };
const host = { key: "host", value: "api:8081" };
const content = (method: string, path: string, code = 0): RequestContent & { family: "http" } => ({
  ...http,
  method,
  url: `http://api:8081${path}`,
  code,
  headers: [host],
});

test("the README shows what weir prints of requests that were denied", async () => {
  const rules = [allowed];
  const [read, write] = [content("GET", "/api/orders/7"), content("DELETE", "/api/orders/7", 403)];
  const at = (second: number): string => (1_769_860_800_000_000_000n + BigInt(second) * 37_000_000n).toString();
  addRequest(ring, request({ tuple, rules, content: read, time: at(0) }));
  addRequest(ring, answer({ ...read, code: 200 }, { tuple, rules, time: at(1) }));
  addRequest(ring, deniedRequest({ tuple, content: write, time: at(2) }));
  addRequest(ring, deniedRequest({ tuple, content: content("GET", "/admin", 403), time: at(3) }));
  const [, command = "", output] =
    /^## Which request was denied\?$[^]*?^```\n(weir observe [^\n]+)\n([^]*?)^```$/m.exec(
      readFileSync(join(root, "README.md"), "utf8"),
    ) ?? [];
  const { stdout } = await weir(api.runDir, ...command.split(" ").slice(1));
  expect(stdout).toBe(output);
});

const allowed = {
  kind: "CiliumNetworkPolicy",
  namespace: "shop",
  name: "api-ingress",
  rule: "ingress[0]",
  file: "shop.yaml",
  line: 54,
};

const json = { key: "content-type", value: "application/json" };
test.each<[string, RequestContent, string | null]>([
  ["a method", content("DELETE", "/api/orders"), "method DELETE is not GET"],
  ["a path", content("GET", "/admin?all=1"), "path /admin?all=1 is not /api/.*"],
  [
    "a path of HTTP/2, whose URL has no scheme",
    { ...content("GET", ""), url: "api:8081/admin" },
    "path /admin is not /api/.*",
  ],
  ["a header that is missing", content("POST", "/api/orders"), "header Content-Type: application/json is missing"],
  [
    "a header whose value stays in the proxy",
    { ...content("POST", "/api/orders"), headers: [host, { ...json, value: "[redacted]" }] },
    "header Content-Type, whose value is redacted, is not Content-Type: application/json",
  ],
  ["the whole server", { ...content("OPTIONS", ""), url: "*" }, "method OPTIONS is not GET and path * is not /api/.*"],
  ["a tunnel", { ...content("CONNECT", ""), url: "other:443" }, "method CONNECT is not GET and no path is not /api/.*"],
  ["another protocol", { ...dns, query: "api." }, "the rule is about HTTP, not DNS"],
  [
    "another protocol, which policy cannot be asked about",
    kafka,
    "produce version 7 of orders, audit by client billing is not among what it allows",
  ],
  ["TLS without a server name", { ...tls, serverName: null }, "the rule is about HTTP, not TLS"],
  ["what is allowed meanwhile", content("GET", "/api/orders"), null],
])("%s: the nearest rule and what it lacks", async (_, asked, because) => {
  addRequest(ring, deniedRequest({ tuple, content: asked }));
  const { stdout } = await weir(api.runDir, "observe", "-o", "json");
  const flow = JSON.parse(stdout) as Flow;
  expect(flow.weir.nearest?.because ?? null).toBe(because);
  expect(flow.ingress_denied_by).toMatchObject([{ name: "api-ingress", namespace: "shop" }]);
});

test("of a denial whose rules are gone nothing is claimed", async () => {
  addRequest(ring, deniedRequest({ tuple: { ...tuple, destinationPort: 9999 }, content: content("GET", "/") }));
  const { stdout } = await weir(api.runDir, "observe", "-o", "json");
  const flow = JSON.parse(stdout) as Flow;
  expect(flow).toMatchObject({ verdict: "DROPPED", weir: { nearest: null, rules: [] } });
  expect(flow).not.toHaveProperty("ingress_denied_by");
});
