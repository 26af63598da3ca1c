import { expect, test } from "vitest";
import {
  ciliumText,
  clusterText,
  clusterwideText,
  lintText,
  messages,
  networkPolicy,
} from "#test/support/lint-text.ts";

const subjects = (labels: string): string => networkPolicy(`{podSelector: {matchLabels: ${labels}}}`);
const peers = (from: string): string => networkPolicy(`{podSelector: {}, ingress: [{from: [${from}]}]}`);
const egress = (rule: string): string => ciliumText(`{endpointSelector: {}, egress: [${rule}]}`);
const told = (text: string, cluster?: string): string[] =>
  messages("selects-nothing", text, cluster === undefined ? {} : { cluster });

test("a policy without subjects is found", () => {
  expect(told(subjects("{app: wbe}"))).toEqual([": governs nobody: there are no pods app=wbe of namespace shop"]);
  expect(told(subjects("{app: web}"))).toEqual([]);
  expect(told(networkPolicy("{podSelector: {matchLabels: {k8s-app: agent}}}", "p", "kube-system"))).toEqual([
    ": governs nobody: there are no pods k8s-app=agent of namespace kube-system: " +
      "those that match have the node's network, and no policy applies to them",
  ]);
});

test("a peer that no known pod is, is found", () => {
  expect(told(peers("{podSelector: {matchLabels: {app: wbe}}}, {podSelector: {}}"))).toEqual([
    "ingress[0]: a peer is nobody: there are no pods app=wbe of namespace shop",
  ]);
  expect(told(peers("{podSelector: {matchLabels: {app: web}}}"))).toEqual([]);
});

test("a namespace selector that matches no Namespace is found", () => {
  expect(told(peers("{namespaceSelector: {matchLabels: {team: shpo}}}"))).toEqual([
    "ingress[0]: a peer is nobody: there are no namespaces team=shpo",
  ]);
  expect(told(peers("{namespaceSelector: {matchLabels: {team: shop}}}"))).toEqual([]);
});

test("so are nodes, services and groups of ranges", () => {
  expect(told(clusterwideText("{nodeSelector: {matchLabels: {role: master}}}"))).toEqual([
    ": governs nobody: there are no nodes role=master",
  ]);
  const cluster = `
apiVersion: v1
kind: Service
metadata: {name: erp, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: crm, namespace: shop}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: crm-1, namespace: shop, labels: {kubernetes.io/service-name: crm}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1]}]
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: partners}
spec: {externalCIDRs: [192.0.2.0/24]}
`;
  const service = (name: string): string => `{toServices: [{k8sService: {serviceName: ${name}, namespace: shop}}]}`;
  const group = (name: string): string => `{toCIDRSet: [{cidrGroupRef: ${name}}]}`;
  expect(
    told(egress(["crm", "erp", "epr"].map(service).join(", ")), cluster).concat(
      told(egress(["partners", "partnres"].map(group).join(", ")), cluster),
    ),
  ).toEqual([
    "egress[1]: a peer is nobody: service erp of namespace shop has no addresses",
    "egress[2]: a peer is nobody: there is no service epr of namespace shop",
    "egress[1]: a peer is nobody: there is no CIDR group partnres",
  ]);
});

test("where nothing is known of pods, that is said once, and nothing is guessed", () => {
  const found = lintText(
    [subjects("{app: a}"), networkPolicy("{podSelector: {matchLabels: {app: b}}}", "q")].join(""),
    { cluster: "" },
  );
  expect(found.map(({ code, name, severity }) => [code, name, severity])).toEqual([["not-checked", "p", "info"]]);
  expect(found[0]?.message).toMatch(/^no Pod of namespace shop is known, so /);
  expect(told(networkPolicy("{podSelector: {matchLabels: {app: a}}}", "p", "other"))).toEqual([]);
  const deny = `ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: x}}}]}]`;
  expect(told(clusterText(1, deny), "")).toEqual([]);
  expect(told(clusterText(1, deny))).toHaveLength(1);
});
