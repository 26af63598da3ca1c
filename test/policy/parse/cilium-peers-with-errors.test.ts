import { expect, test } from "vitest";
import { errorsOf, ruleText } from "#test/support/cilium-text.ts";

const rule = (text: string): string => ruleText("ingress", text);
const out = (text: string): string => ruleText("egress", text);

const table: [name: string, text: string, ...errors: string[]][] = [
  ["peers are a mapping", rule("{fromEndpoints: {}}"), "7:21: spec.ingress[0].fromEndpoints: is a mapping, not a list"],
  [
    "two kinds",
    rule("{fromEndpoints: [{}], fromEntities: [world]}"),
    "7:41: spec.ingress[0].fromEntities: cannot stand beside fromEndpoints; use two rules",
  ],
  [
    "three kinds",
    out("{toEndpoints: [{}], toCIDR: [10.0.0.1], toFQDNs: [{matchName: a.b}]}"),
    "7:33: spec.egress[0].toCIDR: cannot stand beside toEndpoints; use two rules",
    "7:54: spec.egress[0].toFQDNs: cannot stand beside toEndpoints; use two rules",
  ],
  [
    "two fields of ranges",
    out("{toCIDR: [10.0.0.1], toCIDRSet: [{cidr: 10.0.0.0/8}]}"),
    "7:37: spec.egress[0].toCIDRSet: cannot stand beside toCIDR; use two rules",
  ],
  [
    "groups of a provider",
    rule("{fromGroups: [{aws: {securityGroupsIds: [sg-1]}}]}"),
    "7:18: spec.ingress[0].fromGroups: is not supported: groups of cloud providers; list their ranges in fromCIDRSet",
  ],
  [
    "groups of a provider in egressDeny",
    ruleText("egressDeny", "{toGroups: [{aws: {}}]}"),
    "7:16: spec.egressDeny[0].toGroups: is not supported: groups of cloud providers; list their ranges in toCIDRSet",
  ],
  [
    "entity",
    rule("{fromEntities: [World]}"),
    '7:21: spec.ingress[0].fromEntities[0]: "World" is not one of all, world, world-ipv4, world-ipv6, cluster, host, remote-node, kube-apiserver, ingress, health, init, unmanaged, none',
  ],
  [
    "address",
    rule("{fromCIDR: [10.0.0]}"),
    '7:17: spec.ingress[0].fromCIDR[0]: "10.0.0" is neither an address nor a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "leading zero in an address",
    rule("{fromCIDR: [10.0.0.01]}"),
    '7:17: spec.ingress[0].fromCIDR[0]: "10.0.0.01" is neither an address nor a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "range",
    rule("{fromCIDR: [10.0.0.0/33]}"),
    '7:17: spec.ingress[0].fromCIDR[0]: "10.0.0.0/33" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "number as a range",
    rule("{fromCIDR: [10]}"),
    "7:17: spec.ingress[0].fromCIDR[0]: is the number 10, not a string; put it in quotes",
  ],
  [
    "mapped address",
    rule("{fromCIDR: ['::ffff:10.0.0.1']}"),
    '7:17: spec.ingress[0].fromCIDR[0]: "::ffff:10.0.0.1" is an IPv4-mapped IPv6 address; write it as IPv4',
  ],
  [
    "item without a range",
    rule("{fromCIDRSet: [{}]}"),
    "7:20: spec.ingress[0].fromCIDRSet[0]: names no range; accepted are cidr, cidrGroupRef and cidrGroupSelector",
  ],
  [
    "address in place of a range",
    rule("{fromCIDRSet: [{cidr: 10.0.0.1}]}"),
    '7:27: spec.ingress[0].fromCIDRSet[0].cidr: "10.0.0.1" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "range and group",
    rule("{fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: a}]}"),
    "7:20: spec.ingress[0].fromCIDRSet[0]: names more than one of cidr, cidrGroupRef and cidrGroupSelector; use two items",
  ],
  [
    "except outside",
    rule("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]}"),
    '7:48: spec.ingress[0].fromCIDRSet[0].except[0]: "11.0.0.0/8" is not inside 10.0.0.0/8',
  ],
  [
    "except of another family",
    rule("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: ['fd00::/8']}]}"),
    '7:48: spec.ingress[0].fromCIDRSet[0].except[0]: "fd00::/8" is not inside 10.0.0.0/8',
  ],
  [
    "except that is wider",
    rule("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/7]}]}"),
    '7:48: spec.ingress[0].fromCIDRSet[0].except[0]: "10.0.0.0/7" is not inside 10.0.0.0/8',
  ],
  [
    "except that is no range",
    rule("{fromCIDRSet: [{cidrGroupRef: a, except: [10.0.0.1]}]}"),
    '7:47: spec.ingress[0].fromCIDRSet[0].except[0]: "10.0.0.1" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "name of a group",
    rule("{fromCIDRSet: [{cidrGroupRef: A_b}]}"),
    "7:35: spec.ingress[0].fromCIDRSet[0].cidrGroupRef: \"A_b\" is not a DNS name: lower case letters, digits, inner '-' and '.'",
  ],
  [
    "labels of groups",
    rule("{fromCIDRSet: [{cidrGroupSelector: {matchLabels: {-a: b}}}]}"),
    "7:55: spec.ingress[0].fromCIDRSet[0].cidrGroupSelector.matchLabels.-a: is not a label key: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "unknown field of a range",
    rule("{fromCIDRSet: [{cidr: 10.0.0.0/8, excepts: []}]}"),
    "7:39: spec.ingress[0].fromCIDRSet[0].excepts: is not a known field; known are cidr, cidrGroupRef, cidrGroupSelector, except",
  ],
  [
    "services of ingress",
    rule("{fromServices: []}"),
    "7:6: spec.ingress[0].fromServices: is not a known field; known are authentication, fromCIDR, fromCIDRSet, fromEndpoints, fromEntities, fromNodes, fromRequires, icmps, toPorts",
  ],
  [
    "item without a service",
    out("{toServices: [{}]}"),
    "7:19: spec.egress[0].toServices[0]: names no service; accepted are k8sService and k8sServiceSelector",
  ],
  [
    "service by name and by labels",
    out("{toServices: [{k8sService: {serviceName: a}, k8sServiceSelector: {selector: {}}}]}"),
    "7:70: spec.egress[0].toServices[0].k8sServiceSelector: cannot stand beside k8sService; use two items",
  ],
  [
    "service without a name",
    out("{toServices: [{k8sService: {namespace: a}}]}"),
    "7:32: spec.egress[0].toServices[0].k8sService: serviceName is missing",
  ],
  [
    "name of a service",
    out("{toServices: [{k8sService: {serviceName: a.b}}]}"),
    "7:46: spec.egress[0].toServices[0].k8sService.serviceName: \"a.b\" is not a DNS label: lower case letters, digits and inner '-'",
  ],
  [
    "namespace of a service",
    out("{toServices: [{k8sService: {serviceName: a, namespace: A}}]}"),
    "7:60: spec.egress[0].toServices[0].k8sService.namespace: \"A\" is not a DNS label: lower case letters, digits and inner '-'",
  ],
  [
    "services without a selector",
    out("{toServices: [{k8sServiceSelector: {namespace: a}}]}"),
    "7:40: spec.egress[0].toServices[0].k8sServiceSelector: selector is missing",
  ],
  [
    "selector of services",
    out("{toServices: [{k8sServiceSelector: {selector: {matchLabels: {'reserved:host': ''}}}}]}"),
    "7:66: spec.egress[0].toServices[0].k8sServiceSelector.selector.matchLabels.reserved:host: has a source that is not supported; accepted are k8s:, any: and none",
  ],
  [
    "unknown field of a service",
    out("{toServices: [{k8sService: {serviceName: a, port: 1}}]}"),
    "7:49: spec.egress[0].toServices[0].k8sService.port: is not a known field; known are namespace, serviceName",
  ],
  [
    "names of ingress",
    rule("{fromFQDNs: []}"),
    "7:6: spec.ingress[0].fromFQDNs: is not a known field; known are authentication, fromCIDR, fromCIDRSet, fromEndpoints, fromEntities, fromNodes, fromRequires, icmps, toPorts",
  ],
  [
    "names in egressDeny",
    ruleText("egressDeny", "{toFQDNs: [{matchName: a.b}]}"),
    "7:15: spec.egressDeny[0].toFQDNs: cannot stand in a rule that denies",
  ],
  [
    "item without a name",
    out("{toFQDNs: [{}]}"),
    "7:16: spec.egress[0].toFQDNs[0]: names nothing; accepted are matchName and matchPattern",
  ],
  [
    "name and pattern",
    out("{toFQDNs: [{matchName: a.b, matchPattern: '*.b'}]}"),
    "7:47: spec.egress[0].toFQDNs[0].matchPattern: cannot stand beside matchName; use two items",
  ],
  [
    "name",
    out("{toFQDNs: [{matchName: a..b}]}"),
    "7:28: spec.egress[0].toFQDNs[0].matchName: \"a..b\" is not a DNS name: letters, digits, '-', '_' and single dots",
  ],
  [
    "star in a name",
    out("{toFQDNs: [{matchName: '*.b'}]}"),
    "7:28: spec.egress[0].toFQDNs[0].matchName: \"*.b\" is not a DNS name: letters, digits, '-', '_' and single dots; a name with * is a matchPattern",
  ],
  [
    "empty name",
    out("{toFQDNs: [{matchName: ''}]}"),
    "7:28: spec.egress[0].toFQDNs[0].matchName: \"\" is not a DNS name: letters, digits, '-', '_' and single dots",
  ],
  [
    "long name",
    out(`{toFQDNs: [{matchName: ${"a".repeat(256)}}]}`),
    `7:28: spec.egress[0].toFQDNs[0].matchName: "${"a".repeat(100)}..." is longer than 255 characters`,
  ],
  [
    "pattern",
    out("{toFQDNs: [{matchPattern: '*.b$'}]}"),
    "7:31: spec.egress[0].toFQDNs[0].matchPattern: \"*.b$\" is not a pattern of DNS names: letters, digits, '-', '_', '*' and single dots, or before them '**.'",
  ],
  [
    "pattern with a leading dot",
    out("{toFQDNs: [{matchPattern: '.b'}]}"),
    "7:31: spec.egress[0].toFQDNs[0].matchPattern: \".b\" is not a pattern of DNS names: letters, digits, '-', '_', '*' and single dots, or before them '**.'",
  ],
  [
    "long pattern",
    out(`{toFQDNs: [{matchPattern: '*${"a".repeat(255)}'}]}`),
    `7:31: spec.egress[0].toFQDNs[0].matchPattern: "*${"a".repeat(99)}..." is longer than 255 characters`,
  ],
  [
    "unknown field of a name",
    out("{toFQDNs: [{matchNames: []}]}"),
    "7:16: spec.egress[0].toFQDNs[0]: names nothing; accepted are matchName and matchPattern",
    "7:17: spec.egress[0].toFQDNs[0].matchNames: is not a known field; known are matchName, matchPattern",
  ],
  [
    "requirements in ingressDeny",
    ruleText("ingressDeny", "{fromRequires: [{}]}"),
    "7:20: spec.ingressDeny[0].fromRequires: cannot stand in a rule that denies",
  ],
  [
    "requirements in egressDeny",
    ruleText("egressDeny", "{toRequires: [{}]}"),
    "7:18: spec.egressDeny[0].toRequires: cannot stand in a rule that denies",
  ],
  [
    "authentication",
    rule("{authentication: {mode: required}}"),
    '7:29: spec.ingress[0].authentication.mode: "required" is not supported: peers do not prove who they are; use disabled',
  ],
  [
    "authentication without a mode",
    rule("{authentication: {}}"),
    "7:22: spec.ingress[0].authentication: mode is missing",
  ],
  [
    "unknown field of authentication",
    rule("{authentication: {mode: disabled, by: x}}"),
    "7:39: spec.ingress[0].authentication.by: is not a known field; known are mode",
  ],
  [
    "authentication in egressDeny",
    ruleText("egressDeny", "{authentication: {mode: disabled}}"),
    "7:22: spec.egressDeny[0].authentication: cannot stand in a rule that denies",
  ],
];

test.each(table)("%s", (_, text, ...errors) => {
  expect(errorsOf(text)).toEqual(errors.map((error) => `f:${error}`));
});
