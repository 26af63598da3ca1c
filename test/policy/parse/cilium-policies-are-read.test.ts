import { expect, test } from "vitest";
import { ciliumPolicy, ciliumText, objectsOf, specText } from "#test/support/cilium-text.ts";

const CLUSTERWIDE = "CiliumClusterwideNetworkPolicy";

test("spec and specs stand side by side, each with its place in the names of rules", () => {
  const policy = ciliumPolicy(
    ciliumText(`spec: {endpointSelector: {}}
specs:
- endpointSelector: {matchLabels: {app: a}}
- endpointSelector: {}
  ingress:
  - {}
  -
    fromEntities: [all]`),
  );
  expect(policy).toMatchObject({ kind: "CiliumNetworkPolicy", namespace: "default", name: "p", source: { line: 1 } });
  expect(policy.specs.map(({ prefix }) => prefix)).toEqual(["", "specs[0].", "specs[1]."]);
  expect(policy.specs[2]?.ingress.map(({ line }) => line)).toEqual([9, 11]);
});

test("a clusterwide policy has no namespace, and governs pods or nodes", () => {
  const text = ciliumText("specs: [{endpointSelector: {}}, {nodeSelector: {matchLabels: {role: a}}}]", CLUSTERWIDE);
  expect(ciliumPolicy(text)).toMatchObject({
    kind: CLUSTERWIDE,
    namespace: "",
    specs: [
      { endpoints: { matchLabels: {} }, nodes: null },
      { endpoints: null, nodes: { matchLabels: { role: "a" } } },
    ],
  });
});

test.each([
  ["no rules", "", { ingress: false, egress: false }],
  ["empty sections", "ingress: [], egressDeny: []", { ingress: false, egress: false }],
  ["rules that allow", "ingress: [{}]", { ingress: true, egress: false }],
  ["rules that deny", "ingressDeny: [{}], egressDeny: [{}]", { ingress: true, egress: true }],
  [
    "said to be open",
    "ingress: [{}], egress: [{}], enableDefaultDeny: {egress: false}",
    { ingress: true, egress: false },
  ],
  [
    "closed without a rule",
    "egress: [{}], enableDefaultDeny: {ingress: true, egress: true}",
    { ingress: false, egress: true },
  ],
])("default deny of %s", (_, fields, defaultDeny) => {
  expect(ciliumPolicy(specText(`{endpointSelector: {}, ${fields}}`)).specs).toMatchObject([{ defaultDeny }]);
});

test("what is for people and other programs is passed over", () => {
  const remarks = "description: why, log: {value: a}, labels: [{key: a, value: b, source: k8s}, {key: c}]";
  const text = ciliumText(`spec: {endpointSelector: {}, ${remarks}}\nstatus: {conditions: [{type: Valid}]}`);
  expect(Object.keys(ciliumPolicy(text).specs[0] ?? {}).sort()).toEqual(
    ["defaultDeny", "egress", "egressDeny", "endpoints", "ingress", "ingressDeny", "nodes", "prefix"].sort(),
  );
});

test("a field without a value is not there", () => {
  const rule = "{fromEndpoints: null, fromGroups: null, toPorts: ~, icmps: , authentication: null, fromRequires: ~}";
  const text = specText(
    `{endpointSelector: {matchLabels: null}, nodeSelector: null, egress: null, ingress: [${rule}]}`,
  );
  expect(ciliumPolicy(text).specs).toMatchObject([
    { egress: [], ingress: [{ endpoints: null, requires: [], ports: null, icmps: null }] },
  ]);
});

test("a policy may be JSON", () => {
  const spec = { endpointSelector: {}, egress: [{ toCIDR: ["10.0.0.1"], toPorts: [{ ports: [{ port: "80" }] }] }] };
  const policy = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "p" }, spec };
  expect(ciliumPolicy(JSON.stringify(policy))).toMatchObject({ specs: [{ egress: [{ ports: [{}] }] }] });
});

test.each(["cilium.io/v2", "cilium.io/v2alpha1"])("a CiliumCIDRGroup of %s", (version) => {
  const ranges = "externalCIDRs: [10.1.2.3/8, 'FD00:0::/16', 10.0.0.0/8]";
  const text = `{apiVersion: ${version}, kind: CiliumCIDRGroup, metadata: {name: g, labels: {a: b}}, spec: {${ranges}}}`;
  expect(objectsOf(text)).toEqual([
    {
      kind: "CiliumCIDRGroup",
      namespace: "",
      name: "g",
      source: { file: "f", line: 1 },
      labels: { a: "b" },
      cidrs: ["10.0.0.0/8", "fd00::/16"],
    },
  ]);
});
