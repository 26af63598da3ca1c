import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

function errorsOf(text: string): string[] {
  const parsed = parseObjects(text, "f.yaml");
  return parsed.ok ? [] : parsed.errors.map(formatLocatedError);
}

const HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n";
/** A policy whose `spec` begins at line 5. */
const spec = (text: string): string => `${HEAD}spec:\n${text.replace(/^/gm, "  ")}\n`;
const rule = (text: string): string => spec(`ingress:\n- ${text}`);

const LABEL_KEY = "is not a label key: letters, digits and inner '-', '_' and '.'";
const LABEL_VALUE = "is not a label value: letters, digits and inner '-', '_' and '.'";
const SPEC_FIELDS = "known are egress, ingress, podSelector, policyTypes";

const table: [string, string, string][] = [
  ["no kind", "metadata: {name: x}", "1:1: object: kind is missing"],
  [
    "unknown kind",
    "kind: Foo",
    "1:7: kind: kind Foo is unknown; known are Namespace, ServiceAccount, Pod, Node, Service, EndpointSlice, NetworkPolicy, CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup, ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy, List",
  ],
  ["list of an unknown kind", "kind: FooList", "1:7: kind: kind FooList is unknown; known are Namespace, "],
  [
    "version of a kind with several",
    "apiVersion: cilium.io/v1\nkind: CiliumCIDRGroup\nmetadata: {name: x}\nspec: {externalCIDRs: []}",
    '1:13: apiVersion: "cilium.io/v1" is not one of cilium.io/v2alpha1, cilium.io/v2',
  ],
  ["no object", "- a", "1:1: object: is a list, not a mapping"],
  ["wrong version", "apiVersion: v2\nkind: Pod\nmetadata: {name: x}", '1:13: apiVersion: "v2" is not one of v1'],
  ["no version", "kind: Pod\nmetadata: {name: x}", "1:1: object: apiVersion is missing"],
  ["no metadata", "apiVersion: v1\nkind: Pod", "1:1: object: metadata is missing"],
  ["no name", "apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}", "3:11: metadata: name is missing"],
  ["empty name", "apiVersion: v1\nkind: Pod\nmetadata:\n  name:", "4:3: metadata.name: is empty"],
  [
    "name",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: A_b}",
    "3:18: metadata.name: \"A_b\" is not a DNS name: lower case letters, digits, inner '-' and '.'",
  ],
  [
    "name of a namespace",
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}",
    "3:18: metadata.name: \"a.b\" is not a DNS label: lower case letters, digits and inner '-'",
  ],
  [
    "namespace of a namespace",
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}",
    "3:21: metadata.namespace: is not a known field; known are annotations, creationTimestamp, deletionGracePeriodSeconds, deletionTimestamp, finalizers, generateName, generation, labels, managedFields, name, ownerReferences, resourceVersion, selfLink, uid",
  ],
  [
    "label value",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {a: -b}}",
    `3:33: metadata.labels.a: "-b" ${LABEL_VALUE}`,
  ],
  [
    "label key",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {a b: c}}",
    `3:30: metadata.labels.a b: ${LABEL_KEY}`,
  ],
  [
    "label prefix",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {A/b: c}}",
    "3:30: metadata.labels.A/b: is not a label key: before '/' must stand a DNS name",
  ],
  [
    "number for a label",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {a: 1}}",
    "3:33: metadata.labels.a: is the number 1, not a string; put it in quotes",
  ],
  [
    "annotation",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {a: true}}",
    "3:38: metadata.annotations.a: is the boolean true, not a string; put it in quotes",
  ],
  ["no spec", HEAD, "1:1: object: spec is missing"],
  [
    "unknown field of an object",
    `${HEAD}spec: {}\nspecs: []`,
    "5:1: specs: is not a known field; known are apiVersion, kind, metadata, spec, status",
  ],
  ["unknown field of spec", spec("podSelecter: {}"), `5:3: spec.podSelecter: is not a known field; ${SPEC_FIELDS}`],
  ["duplicate key", spec("ingress: []\ningress: []"), "6:3: spec.ingress: is given twice"],
  ["selector is a list", spec("podSelector: [a]"), "5:16: spec.podSelector: is a list, not a mapping"],
  [
    "policy type",
    spec("policyTypes: [Ingress, egress]"),
    '5:26: spec.policyTypes[1]: "egress" is not one of Ingress, Egress',
  ],
  ["rules are a mapping", spec("ingress: {from: []}"), "5:12: spec.ingress: is a mapping, not a list"],
  ["empty rule", spec("ingress:\n- "), "6:5: spec.ingress[0]: is empty; write {} for a rule that allows everything"],
  ["to in ingress", rule("to: []"), "6:5: spec.ingress[0].to: is not a known field; known are from, ports"],
  [
    "empty peer",
    rule("from: [{}]"),
    "6:12: spec.ingress[0].from[0]: names no peer; accepted are podSelector, namespaceSelector and ipBlock",
  ],
  [
    "block beside selector",
    rule("from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]"),
    "6:22: spec.ingress[0].from[0].ipBlock: cannot stand beside podSelector or namespaceSelector; use two peers",
  ],
  ["no cidr", rule("from: [{ipBlock: {}}]"), "6:22: spec.ingress[0].from[0].ipBlock: cidr is missing"],
  [
    "bad cidr",
    rule("from: [{ipBlock: {cidr: 10.0.0.0}}]"),
    '6:29: spec.ingress[0].from[0].ipBlock.cidr: "10.0.0.0" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "mapped cidr",
    rule("from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]"),
    '6:29: spec.ingress[0].from[0].ipBlock.cidr: "::ffff:10.0.0.0/104" is an IPv4-mapped IPv6 range; write it as IPv4',
  ],
  [
    "except outside",
    rule("from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/9]}}]"),
    '6:50: spec.ingress[0].from[0].ipBlock.except[0]: "11.0.0.0/9" is not inside 10.0.0.0/8',
  ],
  [
    "except of another family",
    rule("from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/9']}}]"),
    '6:50: spec.ingress[0].from[0].ipBlock.except[0]: "fd00::/9" is not inside 10.0.0.0/8',
  ],
  [
    "except is all",
    rule("from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/8]}}]"),
    '6:50: spec.ingress[0].from[0].ipBlock.except[0]: "10.1.0.0/8" is all of 10.0.0.0/8; it must be a part of it',
  ],
  [
    "no operator",
    spec("podSelector: {matchExpressions: [{key: a}]}"),
    "5:36: spec.podSelector.matchExpressions[0]: operator is missing",
  ],
  [
    "operator",
    spec("podSelector: {matchExpressions: [{key: a, operator: in}]}"),
    '5:55: spec.podSelector.matchExpressions[0].operator: "in" is not one of In, NotIn, Exists, DoesNotExist',
  ],
  [
    "In without values",
    spec("podSelector: {matchExpressions: [{key: a, operator: In}]}"),
    "5:36: spec.podSelector.matchExpressions[0]: values is empty; In needs at least one",
  ],
  [
    "NotIn without values",
    spec("podSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}"),
    "5:70: spec.podSelector.matchExpressions[0].values: values is empty; NotIn needs at least one",
  ],
  [
    "Exists with values",
    spec("podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}"),
    "5:71: spec.podSelector.matchExpressions[0].values: must be left out with Exists",
  ],
  [
    "key of a selector",
    spec("podSelector: {matchLabels: {-a: b}}"),
    `5:31: spec.podSelector.matchLabels.-a: ${LABEL_KEY}`,
  ],
  [
    "port of zero",
    rule("ports: [{port: 0}]"),
    "6:20: spec.ingress[0].ports[0].port: 0 is not a whole number from 1 to 65535",
  ],
  [
    "port too high",
    rule("ports: [{port: 65536}]"),
    "6:20: spec.ingress[0].ports[0].port: 65536 is not a whole number from 1 to 65535",
  ],
  [
    "fraction of a port",
    rule("ports: [{port: 1.5}]"),
    "6:20: spec.ingress[0].ports[0].port: 1.5 is not a whole number from 1 to 65535",
  ],
  [
    "number as port name",
    rule('ports: [{port: "80"}]'),
    "6:20: spec.ingress[0].ports[0].port: \"80\" is not a port name: at most 15 lower case letters, digits and inner '-', and a letter among them",
  ],
  [
    "protocol",
    rule("ports: [{protocol: ICMP}]"),
    '6:24: spec.ingress[0].ports[0].protocol: "ICMP" is not one of TCP, UDP, SCTP',
  ],
  [
    "endPort alone",
    rule("ports: [{endPort: 80}]"),
    "6:23: spec.ingress[0].ports[0].endPort: needs port, the first port of the range",
  ],
  [
    "endPort beside a name",
    rule("ports: [{port: http, endPort: 80}]"),
    '6:35: spec.ingress[0].ports[0].endPort: cannot stand beside a port\'s name, "http"',
  ],
  [
    "endPort too small",
    rule("ports: [{port: 80, endPort: 79}]"),
    "6:33: spec.ingress[0].ports[0].endPort: 79 is smaller than port, 80",
  ],
  [
    "containers",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: {}}",
    "4:20: spec.containers: is a mapping, not a list",
  ],
  [
    "address of a pod",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {podIP: 10.0.0.256}",
    '4:17: status.podIP: "10.0.0.256" is not an IP address',
  ],
  [
    "host network",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostNetwork: 1}",
    "4:21: spec.hostNetwork: is the number 1, not true or false",
  ],
  [
    "item of another kind",
    "kind: PodList\nitems: [{kind: Namespace}]",
    "2:16: items[0].kind: Namespace is not Pod, the kind of the list",
  ],
  [
    "the same object twice",
    `${spec("{}")}---\n${spec("{}")}`,
    "7:1: object: NetworkPolicy/default/p is already defined at line 1",
  ],
];

test.each(table)("%s", (_, text, expected) => {
  expect(errorsOf(text)).toEqual([expect.stringContaining(`f.yaml:${expected}`)]);
});

test("all errors of a file are told, in the order of the text", () => {
  const errors = errorsOf(
    `${spec("policyTypes: [A, B]\nfoo: 1")}---\nkind: Foo\n---\na: b: c\n---\n${rule("ports: [{port: 0}]")}`,
  );
  expect(errors.map((error) => error.split(":").slice(0, 3).join(":"))).toEqual([
    "f.yaml:5:17",
    "f.yaml:5:20",
    "f.yaml:6:3",
    "f.yaml:8:7",
    "f.yaml:10:4",
    "f.yaml:12:1",
    "f.yaml:17:20",
  ]);
});
