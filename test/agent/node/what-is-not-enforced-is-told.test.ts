import { expect, test } from "vitest";
import { unenforced } from "#agent/node/unenforced.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { parseObjects } from "#policy/parse/objects.ts";

/** What is told of objects, as the agent would find it. */
function told(yaml: string): string[] {
  const parsed = parseObjects(yaml, "test.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return unenforced(new PolicyEngine(parsed.objects).policies);
}

/** A CiliumNetworkPolicy shop/web in one file `test.yaml`; `spec` in flow style, on line 5. */
function cilium(spec: string, annotations = "{}"): string {
  return [
    "apiVersion: cilium.io/v2",
    "kind: CiliumNetworkPolicy",
    "metadata:",
    `  {name: web, namespace: shop, annotations: ${annotations}}`,
    `spec: {endpointSelector: {}, ${spec}}`,
  ].join("\n");
}

const http = '{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]}';
const plain = "{fromEndpoints: [{}]}";

test("nothing is told of policy that is enforced as it stands", () => {
  expect(told(cilium(`ingress: [${plain}]`))).toEqual([]);
});

test("a rule that asks for the proxy is named with its place", () => {
  expect(told(cilium(`ingress: [${plain}, ${http}]`))).toEqual([
    "1 rule asks for the proxy, which this version does not have: what it covers is dropped: " +
      "CiliumNetworkPolicy shop/web ingress[1] (test.yaml:5)",
  ]);
});

test("of many, three are named", () => {
  expect(told(cilium(`ingress: [${Array.from({ length: 12 }, () => http).join(", ")}]`))).toEqual([
    "12 rules ask for the proxy, which this version does not have: what they cover is dropped: " +
      [0, 1, 2].map((i) => `CiliumNetworkPolicy shop/web ingress[${i}] (test.yaml:5)`).join(", ") +
      " and 9 more",
  ]);
});

test("several ports of one rule are one rule", () => {
  const item = '{ports: [{port: "80", protocol: TCP}], rules: {http: [{}]}}';
  expect(told(cilium(`ingress: [{toPorts: [${item}, ${item}]}]`))[0]).toMatch(/^1 rule asks/);
});

test("DNS names, but no limit: the kernel keeps it; and of nodes what is told of pods", () => {
  const limited = cilium(`ingress: [${plain}]`, '{"weir.io/rate-limit": 100/s}');
  const names = cilium("egress: [{toFQDNs: [{matchName: example.com}]}]").replace("name: web", "name: dns");
  const node = [
    "apiVersion: cilium.io/v2",
    "kind: CiliumClusterwideNetworkPolicy",
    "metadata: {name: host}",
    "spec: {nodeSelector: {}, egress: [{toFQDNs: [{matchName: example.com}]}]}",
  ].join("\n");
  expect(told([limited, names, node].join("\n---\n"))).toEqual([
    "2 rules speak of DNS names, whose addresses this version does not learn: they match no address by them: " +
      "CiliumNetworkPolicy shop/dns egress[0] (test.yaml:11), CiliumClusterwideNetworkPolicy host egress[0] (test.yaml:16)",
  ]);
});

test("what is only staged asks for nothing yet", () => {
  expect(told(cilium(`ingress: [${http}]`, '{"weir.io/stage": audit}'))).toEqual([]);
});
