import { request as httpRequest } from "node:http";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import { allRoutes } from "#agent/api/routes.ts";
import { until } from "#agent/local/until.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

interface Operation {
  readonly summary: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: unknown;
}

const closed = networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] });
const node = useNode({
  objects: { "closed.yaml": closed },
  args: ["--trace-interval", "0s", "--ui-address", "127.0.0.1:9966"],
});
const pods = usePods(node, ["open", "closed", "client"]);
let description: Description;
let endpoint: EndpointView;
let denied: unknown;
const called = new Set<string>();

prepare(async () => {
  await pods.open.traffic.serve("TCP", 80);
  await expectTraffic(pods.client, pods.open, 80, "answered");
  await expectTraffic(pods.client, pods.closed, 80, "silent");
  // Events come a moment after their packets.
  await until("a denied flow", async () => (await ask("GET", "/v1/flows?verdict=DROPPED")).text !== "");
  denied = JSON.parse((await ask("GET", "/v1/flows?verdict=DROPPED&last=1")).text);
  description = JSON.parse((await ask("GET", "/v1/openapi.json")).text) as Description;
  const [first] = await node().client.endpoints();
  if (!first) throw new Error("the node has no endpoint");
  endpoint = first;
});

/** @param lines after so many the answer is cut; missing: it ends by itself. */
function ask(method: string, path: string, body?: unknown, lines = Infinity): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({ socketPath: agentSocket(node().runDir), method, path, agent: false }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    const done = (): void =>
      resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", text });
    response.on("data", (piece: string) => {
      text += piece;
      if (text.split("\n").length <= lines) return;
      text = text.slice(0, text.lastIndexOf("\n"));
      done();
      response.destroy();
    });
    response.on("end", done);
    response.on("error", reject);
  });
  request.on("error", reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** Checks a value against a schema of the description, whose references are into it. */
function validator(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  return ajv.compile({ ...schema, components: description.components });
}

const document = { text: closed.replaceAll("closed", "second"), file: "second.yaml" };
const connection = { from: "default/client", to: "default/closed", protocol: "TCP", port: 80 };
const prefixes = { prefixes: ["198.51.100.7"] };
const cniStatus = {
  plugin: "weir-cni",
  command: "STATUS",
  token: "0123456789abcdef",
  containerId: "",
  ifName: "",
  netns: "",
  args: {},
  config: { cniVersion: "1.1.0", name: "weir", type: "weir-cni" },
};

/** A request for every operation, in an order in which all of them succeed. */
const requests: readonly [operation: string, path?: (() => string) | undefined, body?: unknown][] = [
  ["post /v1/cni", undefined, cniStatus],
  ["get /v1/status"],
  ["get /metrics"],
  ["get /v1/metrics"],
  ["get /v1/config"],
  ["patch /v1/config", undefined, { audit: "false" }],
  ["get /v1/endpoints"],
  ["get /v1/endpoints/{id}", () => `/v1/endpoints/${endpoint.id}`],
  ["get /v1/endpoints/{id}/log", () => `/v1/endpoints/${endpoint.id}/log`],
  ["post /v1/endpoints/{id}/regenerate", () => `/v1/endpoints/${endpoint.id}/regenerate`],
  ["get /v1/identities"],
  ["get /v1/identities/{id}", () => `/v1/identities/${endpoint.identity}`],
  ["post /v1/policies", undefined, document],
  ["post /v1/policies/validate", undefined, document],
  ["get /v1/policies"],
  ["get /v1/policies/staged"],
  ["get /v1/policies/object", () => "/v1/policies/object?name=NetworkPolicy/default/second"],
  ["get /v1/policies/objects"],
  ["get /v1/policies/text", () => "/v1/policies/text?name=NetworkPolicy/default/second"],
  ["delete /v1/policies/object", () => "/v1/policies/object?name=NetworkPolicy/default/second"],
  ["get /v1/policies/revision"],
  ["get /v1/policies/wait"],
  ["post /v1/policies/verify", undefined, {}],
  ["post /v1/policies/diff", undefined, { candidate: document }],
  ["post /v1/policies/suggest", undefined, () => ({ flow: denied })],
  ["post /v1/page/links"],
  ["post /v1/evaluate", undefined, connection],
  ["post /v1/trace", undefined, connection],
  ["post /v1/prefilter", undefined, prefixes],
  ["get /v1/prefilter"],
  ["post /v1/prefilter/delete", undefined, prefixes],
  ...["policy", "conntrack", "nat", "ipcache", "counters", "links", "endpoints", "bandwidth"].map((map): [string] => [
    `get /v1/bpf/${map}`,
  ]),
  ["get /v1/bpf/ipcache/match", () => `/v1/bpf/ipcache/match?address=${endpoint.ipv4}`],
  ["get /v1/addresses"],
  ["get /v1/names"],
  ["get /v1/addresses/why", () => `/v1/addresses/why?address=${endpoint.ipv4}`],
  ["get /v1/nodes"],
  ["get /v1/events", () => "/v1/events?last=1"],
  ["delete /v1/bpf/conntrack", () => "/v1/bpf/conntrack?protocol=TCP"],
  ["delete /v1/bpf/nat"],
  ["get /v1/flows"],
  ["get /v1/openapi.json"],
];

test.each(requests)("%s answers as it is described", async (name, pathOf, body) => {
  const [method = "", path = ""] = name.split(" ");
  const sent: unknown = typeof body === "function" ? (body as () => unknown)() : body;
  expectDescribed(name, await ask(method.toUpperCase(), pathOf?.() ?? path, sent));
});

test("get /v1/captures, which does not end, answers as it is described", async () => {
  await using _denied = await pods.client.traffic.stream(targetOf(pods.closed, 80, "UDP"));
  expectDescribed("get /v1/captures", await ask("GET", "/v1/captures", undefined, 3));
});

function expectDescribed(name: string, answer: Answer): void {
  const [method = "", path = ""] = name.split(" ");
  const operation = description.paths[path]?.[method];
  called.add(name);
  expect([name, answer.status, answer.text]).toEqual([name, 200, expect.anything()]);
  const { schema } = operation?.responses["200"]?.content?.[answer.type] ?? {};
  if (schema === undefined) throw new Error(`${name} answers with ${answer.type}, which is not described`);
  const check = validator(schema);
  const { response } = allRoutes.find((route) => route.summary === operation?.summary) ?? {};
  for (const value of valuesOf(name, answer)) {
    expect([value, check(value) ? null : check.errors]).toEqual([value, null]);
    // The description lets answers have fields that it does not know; the schema leaves them out.
    expect(response?.parse(value)).toEqual(value);
  }
}

/** What a schema speaks of: the answer, each of its lines, or its text. */
function valuesOf(name: string, { type, text }: Answer): unknown[] {
  if (type === "application/json") return [JSON.parse(text)];
  if (type !== "application/x-ndjson") return [text];
  const lines = text.split("\n").filter((line) => line !== "");
  // This node masquerades nothing.
  if (name !== "get /v1/bpf/nat") expect(lines).not.toEqual([]);
  return lines.map((line): unknown => JSON.parse(line));
}

test("no operation of the description was left out", () => {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect([...called].toSorted()).toEqual(operations.toSorted());
});

test.each<[status: number, method: string, path: string, body?: unknown]>([
  [400, "GET", "/v1/status?verbose=1"],
  [400, "GET", "/v1/flows?verdict=MAYBE"],
  [400, "GET", "/v1/endpoints/web"],
  [400, "POST", "/v1/evaluate", { from: 1 }],
  [400, "POST", "/v1/policies", { text: "kind: NetworkPolicy", file: "bad.yaml" }],
  [400, "PATCH", "/v1/config", { "node-name": "other" }],
  [404, "GET", "/v1/endpoints/4242"],
  [404, "GET", "/v2/status"],
  [404, "DELETE", "/v1/policies/object?name=NetworkPolicy/default/none"],
  [405, "DELETE", "/v1/status"],
  [413, "PATCH", "/v1/config", { "log-level": "x".repeat(2 << 20) }],
])("%s: %s %s is an error as it is described", async (status, method, path, body) => {
  const answer = await ask(method, path, body);
  expect(answer).toMatchObject({ status, type: "application/json" });
  const check = validator({ $ref: "#/components/schemas/ErrorBody" });
  const value: unknown = JSON.parse(answer.text);
  expect([value, check(value) ? null : check.errors]).toEqual([value, null]);
});
