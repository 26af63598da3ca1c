import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

function errorsOf(text: string): string[] {
  const parsed = parseObjects(text, "f");
  return parsed.ok ? [] : parsed.errors.map(formatLocatedError);
}

const sig = "policy.networking.k8s.io";
const head = (kind: string, version: string, name = "p"): string =>
  `apiVersion: ${sig}/${version}\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
/** A policy whose fields of `spec` beside tier, priority and subject stand in line 8. */
const cnp = (text: string): string =>
  `${head("ClusterNetworkPolicy", "v1beta1")}spec:\n  tier: Admin\n  priority: 1\n  subject: {namespaces: {}}\n  ${text}\n`;
const ingress = (rule: string): string => cnp(`ingress: [${rule}]`);
const egress = (rule: string): string => cnp(`egress: [${rule}]`);
const anp = (rule: string): string =>
  `${head("AdminNetworkPolicy", "v1alpha1")}spec:\n  priority: 1\n  subject: {namespaces: {}}\n  egress: [${rule}]\n`;
const to = (peer: string, rest = ""): string => `{action: Accept, to: [${peer}]${rest}}`;
const many = (count: number, text: string): string => new Array(count).fill(text).join(", ");

const PEERS = "exactly one of namespaces, pods, nodes, networks, domainNames must be there";

const table: [string, string, string][] = [
  ["no spec", head("ClusterNetworkPolicy", "v1beta1"), "1:1: object: spec is missing"],
  ["tier", cnp("").replace("Admin", "admin"), '5:9: spec.tier: "admin" is not one of Admin, Baseline'],
  ["no tier", cnp("").replace("tier: Admin", ""), "6:3: spec: tier is missing"],
  [
    "priority",
    cnp("").replace("1\n  s", "1001\n  s"),
    "6:13: spec.priority: 1001 is not a whole number from 0 to 1000",
  ],
  ["no priority", cnp("").replace("priority: 1", ""), "5:3: spec: priority is missing"],
  ["no subject", cnp("").replace("subject: {namespaces: {}}", ""), "5:3: spec: subject is missing"],
  [
    "subject of both",
    cnp("").replace("{}}", "{}, pods: {podSelector: {}}}"),
    "7:12: spec.subject: has namespaces and pods; exactly one of namespaces, pods must be there",
  ],
  [
    "subject of nothing",
    cnp("").replace("namespaces: {}", ""),
    "7:12: spec.subject: has none; exactly one of namespaces, pods must be there",
  ],
  [
    "subject without pods",
    cnp("").replace("namespaces: {}", "pods: {namespaceSelector: {}}"),
    "7:19: spec.subject.pods: podSelector is missing",
  ],
  ["unknown field of spec", cnp("rules: []"), "8:3: spec.rules: is not a known field; known are egress, ingress, p"],
  [
    "action",
    egress("{action: Allow, to: [{pods: {podSelector: {}}}]}"),
    '8:21: spec.egress[0].action: "Allow" is not one of Accept, Deny, Pass',
  ],
  ["no action", egress("{to: [{namespaces: {}}]}"), "8:12: spec.egress[0]: action is missing"],
  ["no peers", egress("{action: Deny}"), "8:12: spec.egress[0]: to is missing"],
  ["empty peers", ingress("{action: Deny, from: []}"), "8:34: spec.ingress[0].from: is empty; at least 1 is needed"],
  ["an empty peer", egress(to("{}")), `8:34: spec.egress[0].to[0]: has none; ${PEERS}`],
  [
    "two peers in one",
    egress(to("{namespaces: {}, nodes: {}}")),
    `8:34: spec.egress[0].to[0]: has namespaces and nodes; ${PEERS}`,
  ],
  ["empty rule", egress("null"), "8:12: spec.egress[0]: is empty, not a mapping"],
  [
    "long name of a rule",
    egress(to("{nodes: {}}", `, name: ${"ä".repeat(101)}`)),
    `8:54: spec.egress[0].name: "${"ä".repeat(100)}..." is longer than 100 characters`,
  ],
  ["26 rules", egress(many(26, to("{nodes: {}}"))), "8:11: spec.egress: has 26 rules; at most 25 are accepted"],
  ["26 peers", egress(to(many(26, "{nodes: {}}"))), "8:33: spec.egress[0].to: has 26 peers; at most 25 are accepted"],
  [
    "101 rules",
    anp(many(101, "{action: Deny, to: [{nodes: {}}]}")),
    "7:11: spec.egress: has 101 rules; at most 100 are accepted",
  ],
  ["no networks", egress(to("{networks: []}")), "8:45: spec.egress[0].to[0].networks: is empty; at least 1 is needed"],
  [
    "26 networks",
    egress(to(`{networks: [${Array.from({ length: 26 }, (_, i) => `10.0.0.${i}/32`).join()}]}`)),
    "8:45: spec.egress[0].to[0].networks: has 26 networks; at most 25 are accepted",
  ],
  [
    "network",
    egress(to("{networks: [10.0.0.0]}")),
    '8:46: spec.egress[0].to[0].networks[0]: "10.0.0.0" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "bits of a host",
    egress(to("{networks: ['fd00::1/64']}")),
    "8:46: spec.egress[0].to[0].networks[0]: has bits beyond its prefix; write fd00::/64",
  ],
  [
    "network twice",
    egress(to("{networks: ['fd00::/64', 'FD00:0::/64']}")),
    "8:59: spec.egress[0].to[0].networks[1]: fd00::/64 is there twice",
  ],
  [
    "domain name",
    egress(to("{domainNames: [com]}")),
    "8:49: spec.egress[0].to[0].domainNames[0]: \"com\" is not a DNS name of two labels or more, or one after '*.'",
  ],
  [
    "star inside",
    egress(to("{domainNames: [a.*.com]}")),
    "8:49: spec.egress[0].to[0].domainNames[0]: \"a.*.com\" is not a DNS name of two labels or more, or one after '*.'",
  ],
  [
    "domain name twice",
    egress(to("{domainNames: [a.com, A.com.]}")),
    '8:56: spec.egress[0].to[0].domainNames[1]: "A.com." is there twice',
  ],
  [
    "denied domain name",
    egress(to("{domainNames: [a.com]}").replace("Accept", "Deny")),
    "8:46: spec.egress[0].to[0].domainNames: can only stand in rules that accept",
  ],
  [
    "no protocols",
    egress(to("{namespaces: {}}", ", protocols: []")),
    "8:64: spec.egress[0].protocols: is empty; at least 1 is needed",
  ],
  [
    "protocol without port",
    egress(to("{namespaces: {}}", ", protocols: [{tcp: {}}]")),
    "8:71: spec.egress[0].protocols[0].tcp: destinationPort is missing",
  ],
  [
    "two protocols",
    egress(to("{namespaces: {}}", ", protocols: [{tcp: {}, udp: {}}]")),
    "8:65: spec.egress[0].protocols[0]: has tcp and udp; exactly one of tcp, udp, sctp, destinationNamedPort must be there",
  ],
  [
    "number and range",
    egress(to("{namespaces: {}}", ", protocols: [{tcp: {destinationPort: {}}}]")),
    "8:89: spec.egress[0].protocols[0].tcp.destinationPort: has none; exactly one of number, range must be there",
  ],
  [
    "range of one",
    egress(to("{namespaces: {}}", ", protocols: [{tcp: {destinationPort: {range: {start: 5, end: 5}}}}]")),
    "8:113: spec.egress[0].protocols[0].tcp.destinationPort.range.end: 5 is not greater than start, 5",
  ],
  [
    "port",
    egress(to("{namespaces: {}}", ", protocols: [{tcp: {destinationPort: {number: 65536}}}]")),
    "8:98: spec.egress[0].protocols[0].tcp.destinationPort.number: 65536 is not a whole number from 1 to 65535",
  ],
  [
    "ports in the place of protocols",
    egress(to("{namespaces: {}}", ", ports: []")),
    "8:53: spec.egress[0].ports: is not a known field; known are action, name, protocols, to",
  ],
  [
    "name beside nodes",
    egress(to("{nodes: {}}", ", protocols: [{destinationNamedPort: web}]")),
    "8:83: spec.egress[0].protocols[0].destinationNamedPort: a port's name cannot stand beside nodes",
  ],
  [
    "name beside networks",
    anp("{action: Deny, to: [{networks: [10.0.0.0/8]}], ports: [{namedPort: web}]}"),
    "7:79: spec.egress[0].ports[0].namedPort: a port's name cannot stand beside networks",
  ],
  [
    "range backwards",
    anp("{action: Deny, to: [{nodes: {}}], ports: [{portRange: {start: 2, end: 1}}]}"),
    "7:82: spec.egress[0].ports[0].portRange.end: 1 is smaller than start, 2",
  ],
  [
    "protocol of a port",
    anp("{action: Deny, to: [{nodes: {}}], ports: [{portNumber: {protocol: tcp, port: 1}}]}"),
    '7:78: spec.egress[0].ports[0].portNumber.protocol: "tcp" is not one of TCP, UDP, SCTP',
  ],
  [
    "Accept in v1alpha1",
    anp("{action: Accept, to: [{nodes: {}}]}"),
    '7:21: spec.egress[0].action: "Accept" is not one of Allow, Deny, Pass',
  ],
  ["tier in v1alpha1", anp("").replace("priority", "tier: Admin\n  priority"), "5:3: spec.tier: is not a known field"],
  [
    "a version that the kind lacks",
    `${head("ClusterNetworkPolicy", "v1alpha1")}spec: {}`,
    '1:13: apiVersion: "policy.networking.k8s.io/v1alpha1" is not one of',
  ],
  ["namespace", cnp("").replace("name: p", "name: p, namespace: x"), "3:21: metadata.namespace: is not a known field"],
];

test.each(table)("%s", (_, text, expected) => {
  expect(errorsOf(text)[0]).toContain(`f:${expected}`);
});

const banp = (name: string, spec: string): string =>
  `${head("BaselineAdminNetworkPolicy", "v1alpha1", name)}spec: {subject: {namespaces: {}}${spec}}`;

test.each([
  ["name", banp("other", ""), '3:18: metadata.name: "other" is not default: there is only one'],
  ["priority", banp("default", ", priority: 1"), "4:35: spec.priority: is not a known field"],
  [
    "Pass",
    banp("default", ", ingress: [{action: Pass, from: [{namespaces: {}}]}]"),
    '4:54: spec.ingress[0].action: "Pass" is not one of Allow, Deny',
  ],
  [
    "domain names",
    banp("default", ", egress: [{action: Allow, to: [{domainNames: [a.b]}]}]"),
    "4:65: spec.egress[0].to[0]: has none; exactly one of namespaces, pods, nodes, networks must be there",
  ],
])("BaselineAdminNetworkPolicy: %s", (_, text, expected) => {
  expect(errorsOf(text)[0]).toContain(`f:${expected}`);
});

test("peers of egress do not stand in ingress", () => {
  for (const peer of ["nodes: {}", "networks: [10.0.0.0/8]", "domainNames: [a.b]"]) {
    const errors = errorsOf(ingress(`{action: Accept, from: [{${peer}}]}`));
    expect(errors.join("\n")).toContain("exactly one of namespaces, pods must be there");
  }
});

test("all errors of a policy are told", () => {
  const rule = "{action: accept, from: [], protocols: [{tcp: 80}], ports: 1, name: 1}";
  expect(errorsOf(cnp(`ingress: [${rule}, ${rule}]`).replace("priority: 1", "priority: x")).length).toBe(11);
});
