import { expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

function read(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "f.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

const policy = (spec: string): string =>
  `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: ${spec}}`;
const pod = (rest: string): string => `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n}, ${rest}}`;

test("empty files and documents hold nothing", () => {
  for (const text of ["", "\n# nothing\n", "---\n---\n", "null"]) expect(read(text)).toEqual([]);
});

test("several documents and lists in one file, each object with its line", () => {
  const text = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ServiceAccount
  metadata: {name: web, namespace: shop}
---
kind: PodList
items:
- metadata: {name: web-1, namespace: shop}
`;
  const labels = { team: "a", "kubernetes.io/metadata.name": "shop" };
  expect(read(text)).toMatchObject([
    { kind: "Namespace", namespace: "", name: "shop", labels, source: { file: "f.yaml", line: 2 } },
    { kind: "ServiceAccount", namespace: "shop", name: "web", source: { line: 9 } },
    { kind: "Pod", namespace: "shop", name: "web-1", source: { line: 15 } },
  ]);
});

test("a NetworkPolicy with everything, each rule with its line", () => {
  const text = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
  annotations: {Some.Where/Note: "any text, really"}
  creationTimestamp: 2024-01-01T00:00:00Z
spec:
  podSelector: {matchLabels: {role: db}, matchExpressions: [{key: tier, operator: NotIn, values: [b, a]}]}
  policyTypes: [Egress, Ingress]
  ingress:
  - from:
    - ipBlock: {cidr: 10.9.9.9/8, except: [10.1.2.3/16, "10.0.0.0/24"]}
    ports:
    - {port: 5432}
    - {port: 6000, endPort: 6010, protocol: UDP}
    - {port: metrics}
    - {protocol: SCTP}
  - from:
    - podSelector: {}
      namespaceSelector: {}
  egress: []
status: {conditions: []}
`;
  const empty = { matchLabels: {}, matchExpressions: [] };
  expect(read(text)).toEqual([
    {
      kind: "NetworkPolicy",
      namespace: "shop",
      name: "db",
      source: { file: "f.yaml", line: 1 },
      controls: { object: {}, rules: {} },
      podSelector: {
        matchLabels: { role: "db" },
        matchExpressions: [{ key: "tier", operator: "NotIn", values: ["b", "a"] }],
      },
      policyTypes: ["Egress", "Ingress"],
      ingress: [
        {
          line: 12,
          peers: [
            {
              podSelector: null,
              namespaceSelector: null,
              ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/24", "10.1.0.0/16"] },
            },
          ],
          ports: [
            { protocol: "TCP", port: 5432, endPort: null },
            { protocol: "UDP", port: 6000, endPort: 6010 },
            { protocol: "TCP", port: "metrics", endPort: null },
            { protocol: "SCTP", port: null, endPort: null },
          ],
        },
        { line: 19, peers: [{ podSelector: empty, namespaceSelector: empty, ipBlock: null }], ports: [] },
      ],
      egress: [],
    },
  ]);
});

test.each([
  ["{}", ["Ingress"]],
  ["{egress: []}", ["Ingress"]],
  ["{egress: [{}]}", ["Ingress", "Egress"]],
  ["{policyTypes: [], egress: [{}]}", ["Ingress", "Egress"]],
  ["{policyTypes: [Egress], ingress: [{}]}", ["Egress"]],
  ["{podSelector: , ingress: }", ["Ingress"]],
])("policyTypes of %s", (spec, policyTypes) => {
  expect(read(policy(spec))).toMatchObject([{ namespace: "default", policyTypes }]);
});

test("a Pod has what policy can see of it", () => {
  const containers = `containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}, {containerPort: 81}]}]`;
  const sidecar = `initContainers: [{restartPolicy: Always, ports: [{name: dns, containerPort: 53, protocol: UDP}]}, {ports: [{name: x, containerPort: 1}]}]`;
  const status = "status: {phase: Running, podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}, {ip: 'FD00:0::7'}], hostIP: x}";
  expect(read(pod(`spec: {serviceAccountName: web, ${containers}, ${sidecar}}, ${status}`))).toMatchObject([
    {
      serviceAccount: "web",
      namedPorts: [
        { name: "dns", protocol: "UDP", port: 53 },
        { name: "http", protocol: "TCP", port: 80 },
      ],
      addresses: ["10.0.0.7", "fd00::7"],
      hostNetwork: false,
    },
  ]);
  expect(read(pod("spec: {hostNetwork: true}"))).toMatchObject([
    { serviceAccount: "default", namedPorts: [], addresses: [], hostNetwork: true },
  ]);
});

test("the addresses of a pod that has ended are not its own any more", () => {
  expect(read(pod("status: {phase: Succeeded, podIP: 10.0.0.7}"))).toMatchObject([{ addresses: [] }]);
});

test("aliases stand for what they name", () => {
  const text = `{apiVersion: v1, kind: Pod, metadata: {name: &n web, namespace: *n, labels: {a: *n}}}`;
  expect(read(text)).toMatchObject([{ namespace: "web", name: "web", labels: { a: "web" } }]);
});
