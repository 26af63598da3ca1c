import { expect, test } from "vitest";
import { type Evaluation, evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { FlowProtocol } from "#policy/model/protocol.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const TEXT = `
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
status: {podIP: 10.1.2.3}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {role: db}}
spec: {containers: [{ports: [{name: pg, containerPort: 5433}]}]}
status: {podIP: 10.1.2.4}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: ops}
status: {podIP: 10.1.2.5}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {role: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5433}]
  - from: [{namespaceSelector: {matchLabels: {team: ops}}}]
  - from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}}]
  - ports: [{port: 9000, endPort: 9010, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress, Ingress]
  egress:
  - {}
  - ports: [{port: pg}]
`;

function objects(): PolicyObject[] {
  const parsed = parseObjects(TEXT, "shop.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  return parsed.objects;
}

function explain(from: string, to: string, port: number, protocol: FlowProtocol = "TCP"): Evaluation {
  const parties = resolveParties(objects(), from, to);
  if (!parties.ok) throw new Error(parties.error);
  return evaluate(objects(), { source: parties.source, destination: parties.destination, port, protocol });
}

test("an allow names every rule that allows, in the order of the file", () => {
  const rule = { kind: "NetworkPolicy", namespace: "shop", file: "shop.yaml" };
  expect(explain("shop/web-1", "shop/db-0", 5433)).toEqual({
    verdict: "allow",
    egress: {
      verdict: "allow",
      by: [
        { ...rule, name: "web", rule: "egress[0]", line: 37 },
        { ...rule, name: "web", rule: "egress[1]", line: 38 },
      ],
      nearest: null,
      staged: null,
    },
    ingress: {
      verdict: "allow",
      by: [{ ...rule, name: "db", rule: "ingress[0]", line: 24 }],
      nearest: null,
      staged: null,
    },
  });
});

test.each<[string, string, number, FlowProtocol, string]>([
  ["shop/web-1", "shop/db-0", 5432, "TCP", "ingress[0] port 5432 is not 5433"],
  ["shop/web-1", "shop/db-0", 5433, "UDP", "ingress[0] protocol UDP is not TCP"],
  ["shop/web-1", "shop/db-0", 0, "ICMP", "ingress[0] protocol ICMP is not TCP"],
  ["shop/web-1", "shop/db-0", 9011, "UDP", "ingress[3] port 9011 is not in 9000-9010"],
  ["ops/probe", "shop/db-0", 22, "TCP", "ingress[1] namespace ops does not match team=ops"],
  ["192.0.2.200", "shop/db-0", 22, "TCP", "ingress[2] address 192.0.2.200 is excepted by 192.0.2.128/25"],
  ["198.51.100.1", "shop/db-0", 22, "TCP", "ingress[2] address 198.51.100.1 is not in 192.0.2.0/24"],
  ["shop/db-0", "shop/web-1", 80, "TCP", "ingress has no ingress rules"],
])("%s to %s:%i/%s is denied: %s", (from, to, port, protocol, nearest) => {
  const { verdict, ingress } = explain(from, to, port, protocol);
  expect(verdict).toBe("deny");
  expect(ingress).toMatchObject({ verdict: "deny", by: [] });
  expect(`${ingress.nearest?.rule} ${ingress.nearest?.because}`).toBe(nearest);
});

test("a near miss has the place of its rule", () => {
  expect(explain("shop/web-1", "shop/db-0", 5432).ingress.nearest).toEqual({
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "db",
    rule: "ingress[0]",
    file: "shop.yaml",
    line: 24,
    because: "port 5432 is not 5433",
  });
  expect(explain("shop/db-0", "shop/web-1", 80).ingress.nearest).toMatchObject({
    name: "web",
    rule: "ingress",
    line: 30,
  });
});

test("pods' labels are told when they are what is wrong", () => {
  const more = TEXT.replace(
    "- from: [{namespaceSelector",
    "- from: [{podSelector: {matchLabels: {app: api}}}]\n  - from: [{namespaceSelector",
  );
  const parsed = parseObjects(more.replace("labels: {role: db}}\nspec", "labels: {role: db, app: db}}\nspec"), "f");
  const all = parsed.ok ? parsed.objects : [];
  const parties = resolveParties(all, "shop/db-0", "shop/db-0");
  if (!parties.ok) throw new Error(parties.error);
  const source = { ...parties.source, pod: "shop/db-1", address: "10.1.2.9" };
  const { ingress } = evaluate(all, { source, destination: parties.destination, port: 22, protocol: "TCP" });
  expect(ingress.nearest?.because).toBe("pod labels app=db,role=db do not match app=api");
});

test("the node reaches its own pods, and a pod itself", () => {
  const { destination } = resolveParties(objects(), "ops/probe", "shop/db-0") as { destination: object };
  const free = { verdict: "allow", by: [], nearest: null, staged: null };
  const source = { reserved: "host", address: "10.1.2.1" } as const;
  expect(evaluate(objects(), { source, destination, port: 22, protocol: "TCP" }).ingress).toEqual(free);
  expect(explain("shop/db-0", "shop/db-0", 22)).toEqual({ verdict: "allow", egress: free, ingress: free });
});

test("a pod is free in a direction that no policy isolates, and the world always", () => {
  expect(explain("ops/probe", "198.51.100.1", 443)).toMatchObject({
    verdict: "allow",
    egress: { by: [], nearest: null, staged: null },
  });
});

test("enforcement `always` denies without a near miss, `never` allows", () => {
  const parties = resolveParties(objects(), "ops/probe", "shop/db-0");
  if (!parties.ok) throw new Error(parties.error);
  const flow = { source: parties.source, destination: parties.destination, port: 22, protocol: "TCP" } as const;
  const always = evaluate(objects(), flow, { enforcement: "always" });
  expect(always.egress).toEqual({ verdict: "deny", by: [], nearest: null, isolatedBy: [], staged: null });
  expect(evaluate(objects(), flow, { enforcement: "never" }).verdict).toBe("allow");
});
