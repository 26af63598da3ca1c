import { expect, test } from "vitest";
import { ciliumText, errorsOf, ruleText, specText } from "#test/support/cilium-text.ts";

const CLUSTERWIDE = "CiliumClusterwideNetworkPolicy";
const rule = (text: string): string => ruleText("ingress", text);
const GROUP = "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g}\n";

const table: [name: string, text: string, ...errors: string[]][] = [
  ["neither spec nor specs", ciliumText(""), "1:1: object: has neither spec nor specs"],
  ["no specs", ciliumText("specs: []"), "4:8: specs: is empty, and there is no spec"],
  ["specs are a mapping", ciliumText("specs: {}"), "4:8: specs: is a mapping, not a list"],
  ["spec is a list", ciliumText("spec: []"), "4:7: spec: is a list, not a mapping"],
  ["empty item of specs", ciliumText("specs: [null]"), "4:9: specs[0]: is empty, not a mapping"],
  [
    "unknown field",
    ciliumText("spec: {endpointSelector: {}}\nspecc: {}"),
    "5:1: specc: is not a known field; known are apiVersion, kind, metadata, spec, specs, status",
  ],
  [
    "unknown field of spec",
    specText("{endpointSelector: {}, policyTypes: []}"),
    "4:30: spec.policyTypes: is not a known field; known are description, egress, egressDeny, enableDefaultDeny, endpointSelector, ingress, ingressDeny, labels, log, nodeSelector",
  ],
  ["no selector", specText("{}"), "4:7: spec: endpointSelector is missing; write {} for all"],
  [
    "no selector of a clusterwide policy",
    specText("{}", CLUSTERWIDE),
    "4:7: spec: endpointSelector or nodeSelector is missing; write {} for all",
  ],
  [
    "selector without value",
    specText("{endpointSelector: , ingress: [{}]}"),
    "4:7: spec: endpointSelector is missing; write {} for all",
  ],
  [
    "nodeSelector of a namespaced policy",
    specText("{nodeSelector: {}}"),
    "4:22: spec.nodeSelector: can only stand in a CiliumClusterwideNetworkPolicy",
  ],
  [
    "both selectors",
    specText("{endpointSelector: {}, nodeSelector: {}}", CLUSTERWIDE),
    "4:44: spec.nodeSelector: cannot stand beside endpointSelector; use two items of specs",
  ],
  [
    "default deny",
    specText("{endpointSelector: {}, enableDefaultDeny: {ingress: yes}}"),
    '4:59: spec.enableDefaultDeny.ingress: is the string "yes", not true or false',
  ],
  [
    "default deny of nothing",
    specText("{endpointSelector: {}, enableDefaultDeny: {both: true}}"),
    "4:50: spec.enableDefaultDeny.both: is not a known field; known are egress, ingress",
  ],
  [
    "default deny is no mapping",
    specText("{endpointSelector: {}, enableDefaultDeny: false}"),
    "4:49: spec.enableDefaultDeny: is the boolean false, not a mapping",
  ],
  [
    "description",
    specText("{endpointSelector: {}, description: [a]}"),
    "4:43: spec.description: is a list, not a string",
  ],
  [
    "log",
    specText("{endpointSelector: {}, log: {value: 1}}"),
    "4:43: spec.log.value: is the number 1, not a string; put it in quotes",
  ],
  [
    "unknown field of log",
    specText("{endpointSelector: {}, log: {text: a}}"),
    "4:36: spec.log.text: is not a known field; known are value",
  ],
  ["labels", specText("{endpointSelector: {}, labels: [{value: a}]}"), "4:39: spec.labels[0]: key is missing"],
  [
    "label is text",
    specText("{endpointSelector: {}, labels: ['k8s:a=b']}"),
    '4:39: spec.labels[0]: is the string "k8s:a=b", not a mapping',
  ],
  [
    "label's source",
    specText("{endpointSelector: {}, labels: [{key: a, source: 1, prefix: x}]}"),
    "4:56: spec.labels[0].source: is the number 1, not a string; put it in quotes",
    "4:59: spec.labels[0].prefix: is not a known field; known are key, source, value",
  ],
  [
    "rules are a mapping",
    specText("{endpointSelector: {}, ingress: {}}"),
    "4:39: spec.ingress: is a mapping, not a list",
  ],
  [
    "empty rule",
    ruleText("egressDeny", ""),
    "7:5: spec.egressDeny[0]: is empty; write {} for a rule that matches nothing",
  ],
  [
    "unknown field of a rule",
    rule("{from: []}"),
    "7:6: spec.ingress[0].from: is not a known field; known are authentication, fromCIDR, fromCIDRSet, fromEndpoints, fromEntities, fromNodes, fromRequires, icmps, toPorts",
  ],
  [
    "to in ingress",
    rule("{toEndpoints: []}"),
    "7:6: spec.ingress[0].toEndpoints: is not a known field; known are authentication, fromCIDR, fromCIDRSet, fromEndpoints, fromEntities, fromNodes, fromRequires, icmps, toPorts",
  ],
  [
    "rule of a second spec",
    ciliumText(
      "spec: {endpointSelector: {}}\nspecs:\n- {endpointSelector: {}}\n- {endpointSelector: {}, ingress: [{}, {fromCIDR: [x]}]}",
    ),
    '7:52: specs[1].ingress[1].fromCIDR[0]: "x" is neither an address nor a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  ["group without spec", GROUP, "1:1: object: spec is missing"],
  ["group without ranges", `${GROUP}spec: {}`, "4:7: spec: externalCIDRs is missing"],
  [
    "range of a group",
    `${GROUP}spec: {externalCIDRs: [10.0.0.0/8, 10.0.0.1]}`,
    '4:36: spec.externalCIDRs[1]: "10.0.0.1" is not a CIDR like 10.0.0.0/8 or fd00::/8',
  ],
  [
    "unknown field of a group",
    `${GROUP}spec: {externalCIDRs: [], cidrs: []}`,
    "4:27: spec.cidrs: is not a known field; known are externalCIDRs",
  ],
];

test.each(table)("%s", (_, text, ...errors) => {
  expect(errorsOf(text)).toEqual(errors.map((error) => `f:${error}`));
});
