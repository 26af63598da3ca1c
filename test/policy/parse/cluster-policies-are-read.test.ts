import { expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

function read(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "f.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

const ALL = { matchLabels: {}, matchExpressions: [] };
const labels = (matchLabels: object): object => ({ matchLabels, matchExpressions: [] });
const sig = "policy.networking.k8s.io";

test("a ClusterNetworkPolicy with everything, each rule with its line", () => {
  const text = `apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: guard.example.com, creationTimestamp: null}
spec:
  tier: Admin
  priority: 10
  subject:
    pods:
      namespaceSelector: {matchLabels: {team: a}}
      podSelector: {matchLabels: {app: web}}
  ingress:
  - name: monitoring may look
    action: Pass
    from:
    - namespaces: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
    - pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: probe}}}
    protocols:
    - tcp: {destinationPort: {number: 9090}}
    - udp: {destinationPort: {range: {start: 8000, end: 8001}}}
    - destinationNamedPort: metrics
  egress:
  - action: Deny
    to:
    - nodes: {matchLabels: {role: control}}
    - networks: [169.254.169.254/32, "fd00:0::/64"]
    protocols:
    - sctp: {destinationPort: {number: 1}}
  - action: Accept
    to:
    - domainNames: ["*.Example.COM.", api_v1.example.com]
status: {conditions: []}
`;
  expect(read(text)).toEqual([
    {
      kind: "ClusterNetworkPolicy",
      namespace: "",
      name: "guard.example.com",
      source: { file: "f.yaml", line: 1 },
      controls: { object: {}, rules: {} },
      tier: "Admin",
      priority: 10,
      subject: { namespaces: labels({ team: "a" }), pods: labels({ app: "web" }) },
      ingress: [
        {
          line: 12,
          action: "Pass",
          peers: [
            { kind: "pods", namespaces: labels({ "kubernetes.io/metadata.name": "monitoring" }), pods: ALL },
            { kind: "pods", namespaces: ALL, pods: labels({ app: "probe" }) },
          ],
          ports: [
            { kind: "range", protocol: "TCP", first: 9090, last: 9090 },
            { kind: "range", protocol: "UDP", first: 8000, last: 8001 },
            { kind: "name", name: "metrics" },
          ],
        },
      ],
      egress: [
        {
          line: 22,
          action: "Deny",
          peers: [
            { kind: "nodes", selector: labels({ role: "control" }) },
            { kind: "networks", cidrs: ["169.254.169.254/32", "fd00::/64"] },
          ],
          ports: [{ kind: "range", protocol: "SCTP", first: 1, last: 1 }],
        },
        {
          line: 28,
          action: "Accept",
          peers: [
            {
              kind: "names",
              names: [
                { kind: "pattern", pattern: "**.example.com" },
                { kind: "name", name: "api_v1.example.com" },
              ],
            },
          ],
          ports: [],
        },
      ],
    },
  ]);
});

test("an AdminNetworkPolicy is of the Admin tier, and Allow is Accept", () => {
  const text = `apiVersion: ${sig}/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: a}
spec:
  priority: 0
  subject: {namespaces: {}}
  egress:
  - action: Allow
    to: [{networks: [10.1.2.3/8]}]
    ports: [{portNumber: {port: 53, protocol: UDP}}, {portRange: {start: 80, end: 80}}]
  - action: Allow
    to: [{domainNames: [a.b]}]
  - action: Pass
    to: [{namespaces: {}}]
    ports: [{namedPort: web}]
`;
  expect(read(text)).toMatchObject([
    {
      tier: "Admin",
      priority: 0,
      subject: { namespaces: ALL, pods: ALL },
      ingress: [],
      egress: [
        {
          action: "Accept",
          peers: [{ kind: "networks", cidrs: ["10.0.0.0/8"] }],
          ports: [
            { kind: "range", protocol: "UDP", first: 53, last: 53 },
            { kind: "range", protocol: "TCP", first: 80, last: 80 },
          ],
        },
        { action: "Accept", peers: [{ kind: "names" }], ports: [] },
        { action: "Pass", ports: [{ kind: "name", name: "web" }] },
      ],
    },
  ]);
});

test("the BaselineAdminNetworkPolicy comes after every other one of its tier", () => {
  const text = `{apiVersion: ${sig}/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {name: default}, spec: {
    subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}`;
  expect(read(text)).toMatchObject([{ tier: "Baseline", priority: 1001, ingress: [{ action: "Deny" }], egress: [] }]);
});

test("before v1beta1 a network may have bits beyond its prefix", () => {
  const policy = (version: string): string => `{apiVersion: ${sig}/${version}, kind: ClusterNetworkPolicy,
    metadata: {name: a}, spec: {tier: Baseline, priority: 1000, subject: {namespaces: {}},
    egress: [{action: Deny, to: [{networks: [10.1.2.3/8]}]}]}}`;
  expect(read(policy("v1alpha2"))).toMatchObject([{ egress: [{ peers: [{ cidrs: ["10.0.0.0/8"] }] }] }]);
  expect(parseObjects(policy("v1beta1"), "f")).toMatchObject({
    errors: [{ message: "has bits beyond its prefix; write 10.0.0.0/8" }],
  });
});

test("an item of a typed list is taken for the newest version", () => {
  const text = `{kind: ClusterNetworkPolicyList, apiVersion: ${sig}/v1beta1, items: [{metadata: {name: a},
    spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}}]}`;
  expect(read(text)).toMatchObject([{ kind: "ClusterNetworkPolicy", name: "a", ingress: [], egress: [] }]);
});
