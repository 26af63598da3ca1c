import { expect, test } from "vitest";
import { errorsOf, ruleText, specText } from "#test/support/cilium-text.ts";

const CLUSTERWIDE = "CiliumClusterwideNetworkPolicy";
const rule = (text: string): string => ruleText("ingress", text);
const out = (text: string): string => ruleText("egress", text);

const table: [name: string, text: string, ...errors: string[]][] = [
  ["selector is a list", specText("{endpointSelector: []}"), "4:26: spec.endpointSelector: is a list, not a mapping"],
  [
    "unknown field",
    specText("{endpointSelector: {app: web}}"),
    "4:27: spec.endpointSelector.app: is not a known field; known are matchExpressions, matchLabels",
  ],
  [
    "key",
    specText("{endpointSelector: {matchLabels: {-a: b}}}"),
    "4:41: spec.endpointSelector.matchLabels.-a: is not a label key: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "key after its source",
    specText("{endpointSelector: {matchLabels: {'k8s:-a': b}}}"),
    "4:41: spec.endpointSelector.matchLabels.k8s:-a: is not a label key: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "key of a namespace's label",
    specText("{endpointSelector: {matchLabels: {io.cilium.k8s.namespace.labels.-a: b}}}"),
    "4:41: spec.endpointSelector.matchLabels.io.cilium.k8s.namespace.labels.-a: is not a label key: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "prefix of a key",
    specText("{endpointSelector: {matchLabels: {'any:A/b': c}}}"),
    "4:41: spec.endpointSelector.matchLabels.any:A/b: is not a label key: before '/' must stand a DNS name",
  ],
  [
    "value",
    specText("{endpointSelector: {matchLabels: {a: -b}}}"),
    "4:44: spec.endpointSelector.matchLabels.a: \"-b\" is not a label value: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "number as a value",
    specText("{endpointSelector: {matchLabels: {a: 1}}}"),
    "4:44: spec.endpointSelector.matchLabels.a: is the number 1, not a string; put it in quotes",
  ],
  [
    "other source",
    specText("{endpointSelector: {matchLabels: {'container:a': b}}}"),
    "4:41: spec.endpointSelector.matchLabels.container:a: has a source that is not supported; accepted are k8s:, any:, reserved: and none",
  ],
  [
    "label of an address",
    rule("{fromEndpoints: [{matchLabels: {'cidr:10.0.0.0/8': ''}}]}"),
    "7:37: spec.ingress[0].fromEndpoints[0].matchLabels.cidr:10.0.0.0/8: has a source that is not supported; accepted are k8s:, any:, reserved: and none",
  ],
  [
    "label of a name",
    out("{toEndpoints: [{matchExpressions: [{key: 'fqdn:a.b', operator: Exists}]}]}"),
    '7:46: spec.egress[0].toEndpoints[0].matchExpressions[0].key: "fqdn:a.b" has a source that is not supported; accepted are k8s:, any:, reserved: and none',
  ],
  [
    "unknown reserved party",
    rule("{fromEndpoints: [{matchLabels: {'reserved:hosts': ''}}]}"),
    "7:37: spec.ingress[0].fromEndpoints[0].matchLabels.reserved:hosts: is no reserved party; known are host, world, unmanaged, health, init, remote-node, kube-apiserver, ingress",
  ],
  [
    "value of a reserved party",
    rule("{fromEndpoints: [{matchLabels: {'reserved:host': 'yes'}}]}"),
    '7:54: spec.ingress[0].fromEndpoints[0].matchLabels.reserved:host: "yes" is not "", the value of reserved parties',
  ],
  [
    "no reserved party",
    rule("{fromEndpoints: [{matchExpressions: [{key: 'reserved:host', operator: DoesNotExist}]}]}"),
    "7:75: spec.ingress[0].fromEndpoints[0].matchExpressions[0].operator: DoesNotExist cannot stand with reserved:host; accepted is Exists",
  ],
  [
    "two reserved parties",
    rule("{fromEndpoints: [{matchLabels: {'reserved:host': '', 'reserved:world': ''}}]}"),
    "7:58: spec.ingress[0].fromEndpoints[0].matchLabels.reserved:world: cannot stand beside reserved:host; accepted is one reserved party, and several selectors for several",
  ],
  [
    "two reserved parties, one in an expression",
    rule(
      "{fromEndpoints: [{matchLabels: {'reserved:host': ''}, matchExpressions: [{key: 'reserved:world', operator: Exists}]}]}",
    ),
    "7:84: spec.ingress[0].fromEndpoints[0].matchExpressions[0].key: cannot stand beside reserved:host; accepted is one reserved party, and several selectors for several",
  ],
  [
    "no key",
    rule("{fromEndpoints: [{matchExpressions: [{operator: Exists}]}]}"),
    "7:42: spec.ingress[0].fromEndpoints[0].matchExpressions[0]: key is missing",
  ],
  [
    "key of an expression",
    rule("{fromEndpoints: [{matchExpressions: [{key: a b, operator: Exists}]}]}"),
    "7:48: spec.ingress[0].fromEndpoints[0].matchExpressions[0].key: \"a b\" is not a label key: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "no operator",
    rule("{fromEndpoints: [{matchExpressions: [{key: a}]}]}"),
    "7:42: spec.ingress[0].fromEndpoints[0].matchExpressions[0]: operator is missing",
  ],
  [
    "operator",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: Equals}]}]}"),
    '7:61: spec.ingress[0].fromEndpoints[0].matchExpressions[0].operator: "Equals" is not one of In, NotIn, Exists, DoesNotExist',
  ],
  [
    "In without values",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: In}]}]}"),
    "7:42: spec.ingress[0].fromEndpoints[0].matchExpressions[0]: values is empty; In needs at least one",
  ],
  [
    "NotIn without values",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: NotIn, values: []}]}]}"),
    "7:76: spec.ingress[0].fromEndpoints[0].matchExpressions[0].values: values is empty; NotIn needs at least one",
  ],
  [
    "Exists with values",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]}"),
    "7:77: spec.ingress[0].fromEndpoints[0].matchExpressions[0].values: must be left out with Exists",
  ],
  [
    "value of an expression",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: In, values: ['b c']}]}]}"),
    "7:74: spec.ingress[0].fromEndpoints[0].matchExpressions[0].values[0]: \"b c\" is not a label value: letters, digits and inner '-', '_' and '.'",
  ],
  [
    "unknown field of an expression",
    rule("{fromEndpoints: [{matchExpressions: [{key: a, operator: Exists, value: b}]}]}"),
    "7:69: spec.ingress[0].fromEndpoints[0].matchExpressions[0].value: is not a known field; known are key, operator, values",
  ],
  [
    "empty selector",
    rule("{fromEndpoints: [null]}"),
    "7:22: spec.ingress[0].fromEndpoints[0]: is empty, not a mapping",
  ],
  [
    "reserved party among nodes",
    specText("{nodeSelector: {matchLabels: {'reserved:host': ''}}}", CLUSTERWIDE),
    "4:37: spec.nodeSelector.matchLabels.reserved:host: has a source that is not supported; accepted are k8s:, any:, node: and none",
  ],
  [
    "selector of nodes",
    rule("{fromNodes: [{matchLabels: {'cidr:a': b}}]}"),
    "7:33: spec.ingress[0].fromNodes[0].matchLabels.cidr:a: has a source that is not supported; accepted are k8s:, any:, node: and none",
  ],
  [
    "requirement",
    rule("{fromRequires: [{matchLabels: {a: -b}}]}"),
    "7:39: spec.ingress[0].fromRequires[0].matchLabels.a: \"-b\" is not a label value: letters, digits and inner '-', '_' and '.'",
  ],
];

test.each(table)("%s", (_, text, ...errors) => {
  expect(errorsOf(text)).toEqual(errors.map((error) => `f:${error}`));
});
