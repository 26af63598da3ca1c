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
  expect(told(cilium(`ingress: [${plain}, ${http}]`))).toEqual([]);
});

test("of many, three are named", () => {
  const names = "{toFQDNs: [{matchName: example.com}]}";
  expect(told(cilium(`egress: [${Array.from({ length: 12 }, () => names).join(", ")}]`))).toEqual([
    "12 rules speak of DNS names, whose addresses this version does not learn: they match no address by them: " +
      [0, 1, 2].map((i) => `CiliumNetworkPolicy shop/web egress[${i}] (test.yaml:5)`).join(", ") +
      " and 9 more",
  ]);
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
  expect(told(cilium("egress: [{toFQDNs: [{matchName: example.com}]}]", '{"weir.io/stage": audit}'))).toEqual([]);
});
