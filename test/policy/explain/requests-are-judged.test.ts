import { expect, test } from "vitest";
import { type Evaluation, evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { L7Request } from "#policy/l7/request.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIP: 10.1.2.3}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
status: {podIP: 10.1.2.4}
`;

/** A policy `NAME` of the pods with the label, with sections in YAML. */
const policy = (name: string, app: string, spec: string): string => `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: ${app}}}
  ${spec}
`;
const http = (rules: string): string => `{ports: [{port: "80", protocol: TCP}], rules: {http: [${rules}]}}`;
const get = (path: string, headers: Record<string, string> = {}): L7Request => ({
  family: "http",
  method: "GET",
  host: "api.shop",
  path,
  headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
});

function ask(policies: string, request: L7Request | null, port = 80): Evaluation {
  const parsed = parseObjects(PODS + policies, "a.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  const objects: PolicyObject[] = parsed.objects;
  const parties = resolveParties(objects, "shop/web", "shop/api");
  if (!parties.ok) throw new Error(parties.error);
  const { source, destination } = parties;
  return evaluate(
    objects,
    { source, destination, protocol: request?.family === "dns" ? "UDP" : "TCP", port },
    {},
    request,
  );
}

const reading = policy(
  "reading",
  "api",
  `ingress: [{toPorts: [${http(`{method: GET, path: /public/.*, headers: [X-Tenant]}, {path: /health}`)}]}]`,
);

test("without a request a connection is redirected; with one it is allowed or denied", () => {
  expect(ask(reading, null)).toMatchObject({
    verdict: "redirect",
    ingress: { by: [{ name: "reading" }], nearest: null },
  });
  expect(ask(reading, get("/health"))).toMatchObject({
    verdict: "allow",
    egress: { verdict: "allow", by: [] },
    ingress: { verdict: "allow", by: [{ name: "reading", rule: "ingress[0]" }], nearest: null },
  });
});

test.each([
  [get("/public/x"), "header X-Tenant is missing"],
  [get("/private", { "X-Tenant": "a" }), "path /private is not /public/.*"],
  [{ ...get("/public/x", { "x-tenant": "a" }), method: "POST" }, "method POST is not GET"],
  [get("/healthy?x=1"), "path /healthy?x=1 is not /health"],
  [get("/public/../private"), "path /private is not /health"],
  [get("/public/%zz"), "servers do not agree what the path /public/%zz means"],
  [{ family: "tls", serverName: "api.shop" }, "the rule is about HTTP, not TLS"],
] as const)("%j is denied: %s", (request, because) => {
  const { verdict, ingress } = ask(reading, request);
  expect(verdict).toBe("deny");
  expect(ingress).toMatchObject({ verdict: "deny", by: [], nearest: { name: "reading", because } });
  expect(ingress.isolatedBy).toBeUndefined();
});

test("what is read as another path is judged as that", () => {
  expect(ask(reading, get("//he%61lth")).verdict).toBe("allow");
});

test("both ends count, and each names its rules", () => {
  const writing = policy("writing", "web", `egress: [{toPorts: [${http("{path: /health}, {path: /other}")}]}]`);
  expect(ask(reading + writing, get("/health"))).toMatchObject({
    verdict: "allow",
    egress: { by: [{ name: "writing" }] },
    ingress: { by: [{ name: "reading" }] },
  });
  expect(ask(reading + writing, get("/other"))).toMatchObject({
    verdict: "deny",
    egress: { verdict: "allow" },
    ingress: { verdict: "deny", nearest: { because: "path /other is not /health" } },
  });
});

test("of several rules any may be met, and only those that are met are named", () => {
  const more = policy("more", "api", `ingress: [{toPorts: [${http("{path: /more}")}]}]`);
  expect(ask(reading + more, get("/more")).ingress.by).toMatchObject([{ name: "more" }]);
  expect(ask(reading + more, get("/mor")).ingress.nearest).toMatchObject({ because: "path /mor is not /health" });
});

test("a plain allow of the same tier allows every request that can be read", () => {
  const plain = policy("plain", "api", `ingress: [{toPorts: [{ports: [{port: "80"}]}]}]`);
  expect(ask(reading + plain, get("/private")).ingress).toMatchObject({ verdict: "allow", by: [{ name: "plain" }] });
  expect(ask(reading + plain, get("/health")).ingress.by).toMatchObject([{ name: "reading" }, { name: "plain" }]);
  expect(ask(reading + plain, get("/%00"))).toMatchObject({ verdict: "deny" });
  const baseline = `---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}
`;
  expect(ask(reading + baseline, get("/private")).verdict).toBe("deny");
});

test("a deny stands above, and the default deny names the rule that lacks least, requests included", () => {
  const deny = policy("deny", "api", `ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]`);
  expect(ask(reading + deny, get("/health")).ingress).toMatchObject({ verdict: "deny", by: [{ name: "deny" }] });
  const because = "port 81 is not 80 and path /x is not /health";
  expect(ask(reading, get("/x"), 81).ingress).toMatchObject({
    verdict: "deny",
    nearest: { because },
    isolatedBy: [{}],
  });
});

test("a rule that isolates nobody denies all the same what its requests are not", () => {
  const open = reading.replace("spec:", "spec:\n  enableDefaultDeny: {ingress: false}");
  expect(ask(open, get("/private"))).toMatchObject({ verdict: "deny" });
  expect(ask(open, get("/private"), 81)).toMatchObject({ verdict: "allow" });
});

test("names of DNS and of TLS", () => {
  const names = policy(
    "names",
    "web",
    `egress:
  - toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*.shop"}, {matchName: a.test}]}}]
  - toPorts: [{ports: [{port: "443"}], serverNames: ["**.api.test"]}]`,
  );
  const because = (request: L7Request, port: number) => ask(names, request, port).egress.nearest?.because ?? null;
  expect(because({ family: "dns", name: "API.shop." }, 53)).toBe(null);
  expect(because({ family: "dns", name: "b.test" }, 53)).toBe("name b.test is not *.shop or a.test");
  expect(because({ family: "tls", serverName: "x.api.test" }, 443)).toBe(null);
  expect(because({ family: "tls", serverName: "api.test" }, 443)).toBe("server name api.test is not **.api.test");
  expect(because({ family: "tls", serverName: null }, 443)).toBe("the client named no server");
  expect(because(get("/"), 443)).toBe("the rule is about TLS, not HTTP");
});

test("what is staged is told beside", () => {
  const staged = reading.replace("namespace: shop}", "namespace: shop, labels: {weir.io/stage: audit}}");
  expect(ask(staged, get("/private")).ingress).toMatchObject({ verdict: "allow", staged: { verdict: "deny" } });
  expect(ask(staged, get("/health")).ingress).toMatchObject({ verdict: "allow", staged: { verdict: "allow" } });
});

test("a header whose value nobody knows is said to lack only where nothing else does, and without claiming to know", () => {
  const tenants = policy(
    "tenants",
    "api",
    `ingress: [{toPorts: [${http(`{method: GET, path: /public, headers: ["X-Tenant: blue"]}`)}]}]`,
  );
  const asked = (path: string, hidden: readonly string[]) =>
    ask(tenants, { ...(get(path, { "X-Tenant": "[redacted]" }) as L7Request & { family: "http" }), hidden }).ingress
      .nearest?.because;
  expect(asked("/public", ["x-tenant"])).toBe("header X-Tenant, whose value is redacted, is not X-Tenant: blue");
  expect(asked("/admin", ["x-tenant"])).toBe("path /admin is not /public");
  expect(asked("/public", [])).toBe("header X-Tenant: blue is missing");
});
