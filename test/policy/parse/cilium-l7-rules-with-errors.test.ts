import { expect, test } from "vitest";
import { errorsOf, hostRuleText, ruleText } from "#test/support/cilium-text.ts";

const rule = (text: string): string => ruleText("ingress", text);
const out = (text: string): string => ruleText("egress", text);
const l7 = (rules: string): string =>
  ruleText("egress", `toPorts: [{ports: [{port: "80", protocol: TCP}], rules: ${rules}}]`);

const table: [name: string, text: string, ...errors: string[]][] = [
  ["rules are a list", l7("[]"), "7:61: spec.egress[0].toPorts[0].rules: is a list, not a mapping"],
  [
    "unknown family",
    l7("{grpc: []}"),
    "7:62: spec.egress[0].toPorts[0].rules.grpc: is not a known field; known are dns, http, kafka",
  ],
  [
    "two families",
    l7("{http: [{}], dns: [{matchPattern: '*'}]}"),
    "7:79: spec.egress[0].toPorts[0].rules.dns: cannot stand beside http; use two items of toPorts",
  ],
  [
    "generic rules",
    l7("{l7proto: memcached, l7: [{}]}"),
    "7:71: spec.egress[0].toPorts[0].rules.l7proto: is not supported; accepted are http, kafka and dns",
    "7:86: spec.egress[0].toPorts[0].rules.l7: is not supported; accepted are http, kafka and dns",
  ],
  [
    "no rules",
    l7("{http: []}"),
    "7:68: spec.egress[0].toPorts[0].rules.http: is empty; write {} for a rule that allows everything",
  ],
  [
    "no DNS rules",
    out("{toPorts: [{ports: [{port: 53}], rules: {dns: []}}]}"),
    '7:51: spec.egress[0].toPorts[0].rules.dns: is empty; write {matchPattern: "*"} for a rule that allows everything',
  ],
  [
    "empty rule",
    l7("{http: [null]}"),
    "7:69: spec.egress[0].toPorts[0].rules.http[0]: is empty; write {} for a rule that allows everything",
  ],
  ["rules are a mapping", l7("{http: {}}"), "7:68: spec.egress[0].toPorts[0].rules.http: is a mapping, not a list"],
  [
    "rules of a host",
    hostRuleText("egress", "{toPorts: [{ports: [{port: 53}], rules: {dns: [{matchPattern: '*'}]}}]}"),
    "7:45: spec.egress[0].toPorts[0].rules: cannot stand in a policy with nodeSelector",
  ],
  [
    "DNS rules of ingress",
    rule("{toPorts: [{ports: [{port: 53}], rules: {dns: [{matchPattern: '*'}]}}]}"),
    "7:51: spec.ingress[0].toPorts[0].rules.dns: can only stand in egress",
  ],
  [
    "DNS rules without ports",
    out("{toPorts: [{rules: {dns: [{matchPattern: '*'}]}}]}"),
    "7:30: spec.egress[0].toPorts[0].rules.dns: needs ports; that of DNS is 53",
  ],
  [
    "DNS rules for a range",
    out("{toPorts: [{ports: [{port: 53, endPort: 54}], rules: {dns: [{matchPattern: '*'}]}}]}"),
    "7:45: spec.egress[0].toPorts[0].ports[0].endPort: cannot stand with dns rules, which are for single ports",
  ],
  [
    "DNS rules for SCTP",
    out("{toPorts: [{ports: [{port: 53, protocol: SCTP}], rules: {dns: [{matchPattern: '*'}]}}]}"),
    "7:46: spec.egress[0].toPorts[0].ports[0].protocol: SCTP cannot have dns rules; accepted are TCP, UDP, ANY",
  ],
  [
    "DNS rule",
    out("{toPorts: [{ports: [{port: 53}], rules: {dns: [{matchName: 'a b'}]}}]}"),
    "7:64: spec.egress[0].toPorts[0].rules.dns[0].matchName: \"a b\" is not a DNS name: letters, digits, '-', '_' and single dots",
  ],
  [
    "HTTP rules for every protocol",
    rule("{toPorts: [{ports: [{port: 80}], rules: {http: [{}]}}]}"),
    "7:25: spec.ingress[0].toPorts[0].ports[0]: a missing protocol is ANY, which cannot have http rules; accepted are TCP",
  ],
  [
    "HTTP rules for ANY",
    rule("{toPorts: [{ports: [{port: 80, protocol: ANY}], rules: {http: [{}]}}]}"),
    "7:46: spec.ingress[0].toPorts[0].ports[0].protocol: ANY cannot have http rules; accepted are TCP",
  ],
  [
    "Kafka rules for UDP",
    rule("{toPorts: [{ports: [{port: 80, protocol: UDP}], rules: {kafka: [{}]}}]}"),
    "7:46: spec.ingress[0].toPorts[0].ports[0].protocol: UDP cannot have kafka rules; accepted are TCP",
  ],
  [
    "HTTP rules for every port",
    rule("{toPorts: [{ports: [{port: 0, protocol: TCP}], rules: {http: [{}]}}]}"),
    "7:32: spec.ingress[0].toPorts[0].ports[0].port: 0 means every port, which cannot have http rules; name one",
  ],
  [
    "unknown field of an HTTP rule",
    l7("{http: [{url: /}]}"),
    "7:70: spec.egress[0].toPorts[0].rules.http[0].url: is not a known field; known are headerMatches, headers, host, method, path",
  ],
  [
    "method",
    l7("{http: [{method: '('}]}"),
    '7:78: spec.egress[0].toPorts[0].rules.http[0].method: "(" is not a regular expression of RE2: missing closing ): `(`',
  ],
  [
    "path",
    l7("{http: [{path: '/(?=a)'}]}"),
    '7:76: spec.egress[0].toPorts[0].rules.http[0].path: "/(?=a)" is not a regular expression of RE2: invalid or unsupported Perl syntax: `(?=`',
  ],
  [
    "host",
    l7("{http: [{host: 'a**'}]}"),
    '7:76: spec.egress[0].toPorts[0].rules.http[0].host: "a**" is not a regular expression of RE2: invalid nested repetition operator: `**`',
  ],
  [
    "path as a number",
    l7("{http: [{path: 1}]}"),
    "7:76: spec.egress[0].toPorts[0].rules.http[0].path: is the number 1, not a string; put it in quotes",
  ],
  [
    "repetitions",
    l7(`{http: [{path: '${"a{1000}".repeat(20)}'}, {path: "b{2}"}, {path: "c"}]}`),
    '7:228: spec.egress[0].toPorts[0].rules.http[1].path: "b{2}" counts, with the policy\'s other expressions, to more than 20000 repetitions',
  ],
  [
    "long path",
    l7(`{http: [{path: ${"a".repeat(4097)}}]}`),
    `7:76: spec.egress[0].toPorts[0].rules.http[0].path: "${"a".repeat(100)}..." is longer than 4096 characters`,
  ],
  [
    "header",
    l7("{http: [{headers: ['X Y:Z', 'X:Y', '']}]}"),
    '7:89: spec.egress[0].toPorts[0].rules.http[0].headers[1]: "X:Y" is not a header like "X-Tenant" or "X-Tenant: blue"',
    '7:96: spec.egress[0].toPorts[0].rules.http[0].headers[2]: "" is not a header like "X-Tenant" or "X-Tenant: blue"',
  ],
  [
    "header match without a name",
    l7("{http: [{headerMatches: [{value: a}]}]}"),
    "7:86: spec.egress[0].toPorts[0].rules.http[0].headerMatches[0]: name is missing",
  ],
  [
    "name of a header match",
    l7("{http: [{headerMatches: [{name: a b}]}]}"),
    '7:93: spec.egress[0].toPorts[0].rules.http[0].headerMatches[0].name: "a b" is not a header\'s name',
  ],
  [
    "mismatch",
    l7("{http: [{headerMatches: [{name: a, mismatch: drop}]}]}"),
    '7:106: spec.egress[0].toPorts[0].rules.http[0].headerMatches[0].mismatch: "drop" is not one of LOG, ADD, DELETE, REPLACE',
  ],
  [
    "secret",
    l7("{http: [{headerMatches: [{name: a, secret: {name: b}}]}]}"),
    "7:104: spec.egress[0].toPorts[0].rules.http[0].headerMatches[0].secret: is not supported: values of headers are not read from secrets; use value",
  ],
  [
    "unknown field of a header match",
    l7("{http: [{headerMatches: [{name: a, regex: b}]}]}"),
    "7:96: spec.egress[0].toPorts[0].rules.http[0].headerMatches[0].regex: is not a known field; known are mismatch, name, value",
  ],
  [
    "role",
    l7("{kafka: [{role: admin}]}"),
    '7:77: spec.egress[0].toPorts[0].rules.kafka[0].role: "admin" is not one of produce, consume',
  ],
  [
    "key of the API",
    l7("{kafka: [{apiKey: publish}]}"),
    '7:79: spec.egress[0].toPorts[0].rules.kafka[0].apiKey: "publish" is not one of produce, fetch, offsets, metadata, leaderandisr, stopreplica, updatemetadata, controlledshutdown, offsetcommit, offsetfetch, findcoordinator, joingroup, heartbeat, leavegroup, syncgroup, describegroups, listgroups, saslhandshake, apiversions, createtopics, deletetopics, deleterecords, initproducerid, offsetforleaderepoch, addpartitionstotxn, addoffsetstotxn, endtxn, writetxnmarkers, txnoffsetcommit, describeacls, createacls, deleteacls, describeconfigs, alterconfigs',
  ],
  [
    "role and key of the API",
    l7("{kafka: [{role: produce, apiKey: fetch}]}"),
    "7:94: spec.egress[0].toPorts[0].rules.kafka[0].apiKey: cannot stand beside role, which names requests, too",
  ],
  [
    "version of the API",
    l7("{kafka: [{apiVersion: '32768'}]}"),
    '7:83: spec.egress[0].toPorts[0].rules.kafka[0].apiVersion: "32768" is not a number from 0 to 32767',
  ],
  [
    "version as a number",
    l7("{kafka: [{apiVersion: 1}]}"),
    "7:83: spec.egress[0].toPorts[0].rules.kafka[0].apiVersion: is the number 1, not a string; put it in quotes",
  ],
  [
    "topic",
    l7("{kafka: [{topic: a/b}]}"),
    "7:78: spec.egress[0].toPorts[0].rules.kafka[0].topic: \"a/b\" is not a topic's name: letters, digits, '-', '.' and '_'",
  ],
  [
    "long topic",
    l7(`{kafka: [{topic: ${"a".repeat(256)}}]}`),
    `7:78: spec.egress[0].toPorts[0].rules.kafka[0].topic: "${"a".repeat(100)}..." is longer than 255 characters`,
  ],
  [
    "client",
    l7("{kafka: [{clientID: 1}]}"),
    "7:81: spec.egress[0].toPorts[0].rules.kafka[0].clientID: is the number 1, not a string; put it in quotes",
  ],
  [
    "unknown field of a Kafka rule",
    l7("{kafka: [{topics: []}]}"),
    "7:71: spec.egress[0].toPorts[0].rules.kafka[0].topics: is not a known field; known are apiKey, apiVersion, clientID, role, topic",
  ],
];

test.each(table)("%s", (_, text, ...errors) => {
  expect(errorsOf(text)).toEqual(errors.map((error) => `f:${error}`));
});
