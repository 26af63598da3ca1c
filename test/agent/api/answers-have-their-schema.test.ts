import { expect, test } from "vitest";
import type { Ports } from "#agent/api/ports.ts";
import type { Route } from "#agent/api/route.ts";
import { allRoutes } from "#agent/api/routes.ts";
import { ApiFixture } from "./api-fixture.ts";
import { flow } from "./fake-views.ts";

const cniStatus = {
  plugin: "weir-cni",
  command: "STATUS",
  token: "0123456789abcdef",
  containerId: "",
  ifName: "",
  netns: "",
  args: {},
  config: { cniVersion: "1.1.0", name: "weir" },
};
const document = { text: "kind: NetworkPolicy", file: "web.yaml" };

/** A request for each route, by the part of its path behind /v1/. */
const requests: Readonly<Record<string, { path: string; body?: unknown }>> = {
  "POST cni": { path: "cni", body: cniStatus },
  "GET status": { path: "status" },
  "GET metrics": { path: "metrics" },
  "GET config": { path: "config" },
  "PATCH config": { path: "config", body: { enforcement: "always", audit: true, "cidr-matches-pods": null } },
  "GET endpoints": { path: "endpoints" },
  "GET endpoints/:id": { path: "endpoints/12" },
  "GET endpoints/:id/log": { path: "endpoints/12/log" },
  "POST endpoints/:id/regenerate": { path: "endpoints/12/regenerate" },
  "GET identities": { path: "identities" },
  "GET identities/:id": { path: "identities/20481" },
  "GET policies": { path: "policies" },
  "GET policies/staged": { path: "policies/staged" },
  "GET policies/object": { path: "policies/object?name=NetworkPolicy/shop/web" },
  "GET policies/objects": { path: "policies/objects" },
  "DELETE policies/object": { path: "policies/object?name=NetworkPolicy/shop/web" },
  "POST policies": { path: "policies", body: document },
  "POST policies/validate": { path: "policies/validate", body: document },
  "GET policies/revision": { path: "policies/revision" },
  "GET policies/wait": { path: "policies/wait?revision=41" },
  "POST policies/verify": { path: "policies/verify", body: { endpoint: 12 } },
  "GET policies/text": { path: "policies/text?name=NetworkPolicy/shop/web" },
  "POST policies/diff": { path: "policies/diff", body: { candidate: document } },
  "POST policies/suggest": { path: "policies/suggest", body: { flow } },
  "POST page/links": { path: "page/links" },
  "POST evaluate": { path: "evaluate", body: { from: "shop/web-1", to: "1.1.1.1", protocol: "TCP", port: 53 } },
  "POST trace": { path: "trace", body: { from: "shop/web-1", to: "1.1.1.1", protocol: "TCP", port: 53 } },
  "GET prefilter": { path: "prefilter" },
  "POST prefilter": { path: "prefilter", body: { prefixes: ["198.51.100.7"] } },
  "POST prefilter/delete": { path: "prefilter/delete", body: { prefixes: ["198.51.100.7"] } },
  "GET bpf/policy": { path: "bpf/policy" },
  "DELETE bpf/conntrack": { path: "bpf/conntrack?endpoint=12&protocol=TCP&source=10.0.0.7&sourcePort=80" },
  "DELETE bpf/nat": { path: "bpf/nat?destination=fd00::7&destinationPort=53" },
  "GET bpf/ipcache/match": { path: "bpf/ipcache/match?address=10.0.0.7" },
  "GET addresses": { path: "addresses" },
  "GET addresses/why": { path: "addresses/why?address=fd00::7" },
  "GET names": { path: "names" },
  "GET nodes": { path: "nodes" },
  "GET bpf/ipcache": { path: "bpf/ipcache" },
  "GET bpf/links": { path: "bpf/links" },
  "GET bpf/counters": { path: "bpf/counters" },
  "GET bpf/endpoints": { path: "bpf/endpoints" },
  "GET bpf/bandwidth": { path: "bpf/bandwidth" },
  "GET openapi.json": { path: "openapi.json" },
};

const nameOf = (route: Route<Ports>): string => `${route.method} ${route.path.replace("/v1/", "")}`;
const routes = allRoutes.filter((route) => !route.stream && route.textType === undefined);

test.each(routes.map((route) => [nameOf(route), route] as const))("%s", async (name, route) => {
  await using api = await ApiFixture.start();
  const { path, body } = requests[name] ?? { path: name };
  const answer = await api.request(route.method, `/v1/${path}`, body === undefined ? undefined : JSON.stringify(body));
  expect(answer.status).toBe(route.status);
  const value: unknown = JSON.parse(answer.body);
  expect(route.response.parse(value)).toEqual(value);
});
