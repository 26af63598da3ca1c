import { expect, test, vi } from "vitest";
import type { EvaluationRequest, RequestQuestion } from "#agent/api/policy-views.ts";
import { evaluationPort, policyService } from "#agent/node/policy-service.ts";
import type { NodeParts } from "#agent/node/parts.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

vi.mock("#agent/net/node-addresses.ts", () => ({ nodeAddresses: () => ["192.168.0.1"] }));

const parse = (text: string): PolicyObject[] => {
  const parsed = parseObjects(text, "f.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  return parsed.objects;
};
const pod = (namespace: string, name: string, ip: string, labels = ""): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}},
  status: {podIP: ${ip}}}`;
const policy = (name: string, label: string): string =>
  `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: ${name}, namespace: shop},
  spec: {podSelector: {matchLabels: {${label}}}, ingress: []}}`;

/** A node with the pod shop/web on 10.0.0.5, whose label `job-name` no policy in force names. */
function nodeWith(text: string, labels: Record<string, string> = { app: "web", "job-name": "j" }) {
  const objects = parse(text);
  const record = { namespace: "shop", pod: "web", labels, serviceAccount: "default", ipv4: "10.0.0.5", ipv6: null };
  const subject = { namespace: "shop", labels: { app: "web" }, serviceAccount: "default", namedPorts: [] };
  const parts = {
    policy: { objects, options: { enforcement: "default", cidrMatchesPods: "language", audit: false } },
    endpoints: { list: () => [{ record, subject }] },
    enforcement: { engine: new PolicyEngine([]), outsiders: { ownLabels: {} } },
    config: { nodeName: "n1" },
    clock: { now: () => new Date("2026-01-01") },
    names: { namesOf: (address: string) => (address === "192.0.2.7" ? ["api.example.com"] : []) },
  } as unknown as NodeParts;
  const port = evaluationPort(parts);
  return {
    inForce: () => policyService(parts, {} as never).inForce().objects,
    ask: (from: string, to: string, candidate?: string | string[], request?: EvaluationRequest["request"]) => {
      const outcome = port.evaluate({
        from,
        to,
        protocol: "TCP",
        port: 80,
        ...(request && { request }),
        ...(candidate !== undefined && {
          candidate: [candidate].flat().map((text, i) => ({ text, file: `c${i}.yaml` })),
        }),
      });
      return outcome.ok ? outcome.evaluation.verdict : outcome.errors;
    },
  };
}

test("an address outside has the names that pods were told of it", () => {
  const node = nodeWith(`{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: out, namespace: shop},
    spec: {endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "*.example.com"}]}]}}`);
  const verdicts = ["192.0.2.7", "192.0.2.8"].map((address) => node.ask("shop/web", address));
  expect(verdicts).toEqual(["allow", "deny"]);
});

test("a request is judged by the rules about requests", () => {
  const node = nodeWith(`{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: shop},
    spec: {endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /a}]}}]}]}}`);
  const http = (path: string): RequestQuestion => ({ family: "http", method: "GET", host: "", path, headers: [] });
  const verdicts = [undefined, http("/a"), http("/b")].map((request) => node.ask("192.0.2.1", "shop/web", [], request));
  expect(verdicts).toEqual(["redirect", "allow", "deny"]);
});

test("a candidate sees labels that controllers write, from ADD or from the Pod object", () => {
  const byJob = policy("job", "job-name: j");
  expect(nodeWith("").ask("192.0.2.1", "shop/web", byJob)).toBe("deny");
  const told = nodeWith(pod("shop", "web", "10.0.0.5", "app: web, job-name: j"), { app: "web" });
  expect(told.ask("192.0.2.1", "shop/web", byJob)).toBe("deny");
  expect(told.ask("192.0.2.1", "shop/web", policy("job", "job-name: k"))).toBe("allow");
  for (const node of [nodeWith(""), told]) {
    expect(node.inForce()).toMatchObject([
      { kind: "Pod", name: "web", addresses: ["10.0.0.5"], labels: { app: "web", "job-name": "j" } },
    ]);
  }
});

test("a candidate's Pod object has a say on labels, not on addresses", () => {
  const node = nodeWith(policy("web", "app: web"));
  const candidate = pod("shop", "web", "10.0.0.9", "app: other");
  expect(node.ask("192.0.2.1", "shop/web")).toBe("deny");
  expect(node.ask("192.0.2.1", "10.0.0.5", candidate)).toBe("allow");
});

test("a pod of this node goes before objects that claim its address", () => {
  const stale = pod("evil", "stale", "10.0.0.5");
  for (const order of [
    [stale, pod("shop", "web", "10.0.0.5", "app: web")],
    [pod("shop", "web", "10.0.0.5", "app: web"), stale],
    [stale],
  ]) {
    const node = nodeWith([...order, policy("web", "app: web")].join("\n---\n"));
    expect(node.ask("192.0.2.1", "10.0.0.5")).toBe("deny");
    expect(node.ask("evil/stale", "shop/web")).toBe("deny");
    const claims = node.inForce().filter(({ addresses }) => Array.isArray(addresses) && addresses.length > 0);
    expect(claims).toMatchObject([{ name: "web" }]);
  }
});

test("an ambiguous address is a bad question, an unknown pod is not found", () => {
  const node = nodeWith([pod("a", "x", "10.0.1.1"), pod("b", "y", "10.0.1.1")].join("\n---\n"));
  expect(() => node.ask("10.0.1.1", "shop/web")).toThrow(
    expect.objectContaining({ code: "bad-request", message: expect.stringContaining("ask by NAMESPACE/POD") }),
  );
  expect(() => node.ask("shop/none", "shop/web")).toThrow(expect.objectContaining({ code: "not-found" }));
});

test("the own node reaches its own pods, not those of other nodes", () => {
  const elsewhere = pod("shop", "far", "10.0.9.9", "app: web").replace("status:", "spec: {nodeName: n2}, status:");
  const node = nodeWith([elsewhere, policy("web", "app: web")].join("\n---\n"));
  expect(node.ask("192.168.0.1", "shop/web")).toBe("allow");
  expect(node.ask("192.168.0.1", "shop/far")).toBe("deny");
});

test("a folder's files are one candidate, and each error has its file", () => {
  const node = nodeWith("");
  const job = policy("job", "job-name: j");
  expect(node.ask("192.0.2.1", "shop/web", [policy("other", "app: other"), job])).toBe("deny");
  expect(node.ask("192.0.2.1", "shop/web", [job, "kind: Nonsense"])).toMatchObject([{ file: "c1.yaml" }]);
});
