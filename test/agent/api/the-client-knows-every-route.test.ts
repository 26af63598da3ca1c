import { expect, test } from "vitest";
import type { ApiClient } from "#agent/api/client.ts";
import { allRoutes } from "#agent/api/routes.ts";
import { ApiFixture, collect } from "./api-fixture.ts";

type Call = (client: ApiClient) => Promise<unknown>;

/** Every method, with the route that it is for. */
const calls: Readonly<
  Record<Exclude<keyof ApiClient, "bpf" | "bpfTable" | "flushBpfTable">, readonly [route: string, call: Call]>
> = {
  status: ["GET /v1/status", (client) => client.status()],
  metrics: ["GET /v1/metrics", (client) => client.metrics()],
  config: ["GET /v1/config", (client) => client.config()],
  changeConfig: ["PATCH /v1/config", (client) => client.changeConfig({ audit: "true" })],
  endpoints: ["GET /v1/endpoints", (client) => client.endpoints()],
  endpoint: ["GET /v1/endpoints/:id", (client) => client.endpoint(12)],
  endpointLog: ["GET /v1/endpoints/:id/log", (client) => client.endpointLog(12)],
  regenerateEndpoint: ["POST /v1/endpoints/:id/regenerate", (client) => client.regenerateEndpoint(12)],
  identities: ["GET /v1/identities", (client) => client.identities()],
  identity: ["GET /v1/identities/:id", (client) => client.identity(20481)],
  policies: ["GET /v1/policies", (client) => client.policies()],
  stagedPolicies: ["GET /v1/policies/staged", (client) => client.stagedPolicies()],
  policy: ["GET /v1/policies/object", (client) => client.policy("NetworkPolicy/shop/web")],
  policiesInForce: ["GET /v1/policies/objects", (client) => client.policiesInForce()],
  applyPolicy: ["POST /v1/policies", (client) => client.applyPolicy({ text: "kind: X", file: "x.yaml" })],
  deletePolicy: ["DELETE /v1/policies/object", (client) => client.deletePolicy("NetworkPolicy/shop/web")],
  policyRevision: ["GET /v1/policies/revision", (client) => client.policyRevision()],
  waitRevision: ["GET /v1/policies/wait", (client) => client.waitRevision(41)],
  verifyPolicy: ["POST /v1/policies/verify", (client) => client.verifyPolicy({ endpoint: 12 })],
  evaluate: [
    "POST /v1/evaluate",
    (client) => client.evaluate({ from: "shop/web-1", to: "1.1.1.1", protocol: "TCP", port: 53 }),
  ],
  trace: [
    "POST /v1/trace",
    (client) => client.trace({ from: "shop/web-1", to: "10.0.0.8", protocol: "TCP", port: 5432 }),
  ],
  pageLink: ["POST /v1/page/links", (client) => client.pageLink()],
  prefilter: ["GET /v1/prefilter", (client) => client.prefilter()],
  addToPrefilter: ["POST /v1/prefilter", (client) => client.addToPrefilter({ prefixes: ["198.51.100.7"] })],
  deleteFromPrefilter: [
    "POST /v1/prefilter/delete",
    (client) => client.deleteFromPrefilter({ prefixes: ["198.51.100.7"] }),
  ],
  addresses: ["GET /v1/addresses", (client) => client.addresses()],
  nodes: ["GET /v1/nodes", (client) => client.nodes()],
  names: ["GET /v1/names", (client) => client.names()],
  whyAddress: ["GET /v1/addresses/why", (client) => client.whyAddress("10.0.0.7")],
  ipcacheOf: ["GET /v1/bpf/ipcache/match", (client) => client.ipcacheOf("10.0.0.7")],
  flows: ["GET /v1/flows", (client) => collect(client.flows({}))],
  events: ["GET /v1/events", (client) => collect(client.events({}))],
  captures: ["GET /v1/captures", (client) => collect(client.captures({}))],
};

const tables = ["conntrack", "nat"] as const;
const maps = ["policy", "ipcache", "counters", "links", "endpoints", "bandwidth"] as const;
const everyCall = [
  ...Object.values(calls),
  ...maps.map((name): readonly [string, Call] => [`GET /v1/bpf/${name}`, (client) => client.bpf(name)]),
  ...tables.map((name): readonly [string, Call] => [`GET /v1/bpf/${name}`, (client) => collect(client.bpfTable(name))]),
  ...tables.map((name): readonly [string, Call] => [
    `DELETE /v1/bpf/${name}`,
    (client) => client.flushBpfTable(name, { source: "10.0.0.7" }),
  ]),
];

/** Those that others ask for: the CNI binary, Prometheus, the page, and programs of others (`weir policy validate` asks no agent). */
const ofOthers = [
  "POST /v1/cni",
  "GET /metrics",
  "GET /v1/openapi.json",
  "POST /v1/policies/validate",
  "GET /v1/policies/text",
  "POST /v1/policies/diff",
  "POST /v1/policies/suggest",
];

test.each(everyCall)("%s", async (route, call) => {
  await using api = await ApiFixture.start();
  await call(api.client);
  expect(api.served.map(({ method, route: path, status }) => `${method} ${path} ${status}`)).toEqual([`${route} 200`]);
});

test("no route is left out", () => {
  const known = [...everyCall.map(([route]) => route), ...ofOthers];
  expect(known.toSorted()).toEqual(allRoutes.map(({ method, path }) => `${method} ${path}`).toSorted());
});
