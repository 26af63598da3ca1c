import { expect, test } from "vitest";
import { errorsOf, hostRuleText, ruleText } from "#test/support/cilium-text.ts";

const rule = (text: string): string => ruleText("ingress", text);
const port = (text: string): string => ruleText("ingress", `toPorts: [{ports: [${text}]}]`);
const many = (text: string): string => new Array(41).fill(text).join(", ");

const table: [name: string, text: string, ...errors: string[]][] = [
  ["toPorts is a mapping", rule("{toPorts: {ports: []}}"), "7:15: spec.ingress[0].toPorts: is a mapping, not a list"],
  ["empty item", rule("{toPorts: [null]}"), "7:16: spec.ingress[0].toPorts[0]: is empty, not a mapping"],
  [
    "unknown field of an item",
    rule("{toPorts: [{port: 80}]}"),
    "7:17: spec.ingress[0].toPorts[0].port: is not a known field; known are ports, rules, serverNames",
  ],
  ["no port", port("{protocol: TCP}"), "7:24: spec.ingress[0].toPorts[0].ports[0]: port is missing"],
  ["port of nothing", port("{}"), "7:24: spec.ingress[0].toPorts[0].ports[0]: port is missing"],
  [
    "negative port",
    port("{port: -1}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: -1 is not a whole number from 0 to 65535",
  ],
  [
    "port too high",
    port("{port: 65536}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: 65536 is not a whole number from 0 to 65535",
  ],
  [
    "text of a port too high",
    port("{port: '65536'}"),
    '7:31: spec.ingress[0].toPorts[0].ports[0].port: "65536" is not a whole number from 0 to 65535',
  ],
  [
    "leading zero",
    port("{port: '080'}"),
    '7:31: spec.ingress[0].toPorts[0].ports[0].port: "080" is not a whole number from 0 to 65535',
  ],
  [
    "fraction",
    port("{port: 80.5}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: 80.5 is not a whole number from 0 to 65535",
  ],
  [
    "range as text",
    port("{port: '80-90'}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: \"80-90\" is not a port name: at most 15 lower case letters, digits and inner '-', and a letter among them",
  ],
  [
    "name of a port",
    port("{port: http_alt}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: \"http_alt\" is not a port name: at most 15 lower case letters, digits and inner '-', and a letter among them",
  ],
  [
    "protocol",
    port("{port: 80, protocol: tcp}"),
    '7:45: spec.ingress[0].toPorts[0].ports[0].protocol: "tcp" is not one of TCP, UDP, SCTP, ANY, ICMP, ICMPv6, VRRP, IGMP, GRE, IPIP, ESP, AH',
  ],
  [
    "port of a protocol without ports",
    port("{port: 5, protocol: GRE}"),
    "7:31: spec.ingress[0].toPorts[0].ports[0].port: 5 is not 0; GRE has no ports",
  ],
  [
    "range of a protocol without ports",
    port("{endPort: 5, protocol: ICMP}"),
    "7:34: spec.ingress[0].toPorts[0].ports[0].endPort: must be left out; ICMP has no ports",
  ],
  [
    "endPort too small",
    port("{port: 80, endPort: 79}"),
    "7:44: spec.ingress[0].toPorts[0].ports[0].endPort: 79 is smaller than port, 80",
  ],
  [
    "endPort too high",
    port("{port: 80, endPort: 65536}"),
    "7:44: spec.ingress[0].toPorts[0].ports[0].endPort: 65536 is not a whole number from 0 to 65535",
  ],
  [
    "endPort as text",
    port("{port: 80, endPort: '90'}"),
    '7:44: spec.ingress[0].toPorts[0].ports[0].endPort: is the string "90", not a number from 0 to 65535',
  ],
  [
    "endPort beside a name",
    port("{port: http, endPort: 90}"),
    '7:46: spec.ingress[0].toPorts[0].ports[0].endPort: cannot stand beside a port\'s name, "http"',
  ],
  [
    "endPort beside every port",
    port("{port: 0, endPort: 90}"),
    "7:43: spec.ingress[0].toPorts[0].ports[0].endPort: cannot stand beside port 0, which means every port; begin at 1",
  ],
  [
    "unknown field of a port",
    port("{port: 80, name: http}"),
    "7:35: spec.ingress[0].toPorts[0].ports[0].name: is not a known field; known are endPort, port, protocol",
  ],
  [
    "41 ports",
    port(many("{port: 80}")),
    "7:23: spec.ingress[0].toPorts[0].ports: has 41 items; at most 40 are accepted",
  ],
  [
    "listener",
    rule("{toPorts: [{listener: {name: a}}]}"),
    "7:27: spec.ingress[0].toPorts[0].listener: is not supported: there is no Envoy whose listeners could be named",
  ],
  [
    "TLS that is ended",
    rule("{toPorts: [{terminatingTLS: {secret: {name: a}}}]}"),
    "7:33: spec.ingress[0].toPorts[0].terminatingTLS: is not supported: TLS is not opened; serverNames can be asked for without that",
  ],
  [
    "TLS that begins",
    rule("{toPorts: [{originatingTLS: {}}]}"),
    "7:33: spec.ingress[0].toPorts[0].originatingTLS: is not supported: TLS is not opened; serverNames can be asked for without that",
  ],
  [
    "rules in ingressDeny",
    ruleText("ingressDeny", "{toPorts: [{ports: [{port: 80, protocol: TCP}], rules: {http: [{}]}}]}"),
    "7:60: spec.ingressDeny[0].toPorts[0].rules: cannot stand in a rule that denies",
  ],
  [
    "server names in egressDeny",
    ruleText("egressDeny", "{toPorts: [{serverNames: [a.b]}]}"),
    "7:30: spec.egressDeny[0].toPorts[0].serverNames: cannot stand in a rule that denies",
  ],
  [
    "listener in egressDeny",
    ruleText("egressDeny", "{toPorts: [{listener: {name: a}}]}"),
    "7:17: spec.egressDeny[0].toPorts[0].listener: is not a known field; known are ports",
  ],
  [
    "server name",
    rule("{toPorts: [{serverNames: ['']}]}"),
    "7:31: spec.ingress[0].toPorts[0].serverNames[0]: \"\" is not a pattern of DNS names: letters, digits, '-', '_', '*' and single dots, or before them '**.'",
  ],
  [
    "server names beside rules",
    rule("{toPorts: [{ports: [{port: 443, protocol: TCP}], serverNames: [a.b], rules: {http: [{}]}}]}"),
    "7:67: spec.ingress[0].toPorts[0].serverNames: cannot stand beside rules; use two items of toPorts",
  ],
  [
    "server names of a host",
    hostRuleText("ingress", "{toPorts: [{ports: [{port: 443}], serverNames: [a.b]}]}"),
    "7:52: spec.ingress[0].toPorts[0].serverNames: cannot stand in a policy with nodeSelector",
  ],
  [
    "icmps beside toPorts",
    rule("{toPorts: [{}], icmps: [{}]}"),
    "7:28: spec.ingress[0].icmps: cannot stand beside toPorts; use two rules",
  ],
  ["icmps is a mapping", rule("{icmps: {}}"), "7:13: spec.ingress[0].icmps: is a mapping, not a list"],
  [
    "ICMP fields are a mapping",
    rule("{icmps: [{fields: {}}]}"),
    "7:23: spec.ingress[0].icmps[0].fields: is a mapping, not a list",
  ],
  [
    "unknown field of ICMP",
    rule("{icmps: [{type: 8}]}"),
    "7:15: spec.ingress[0].icmps[0].type: is not a known field; known are fields",
  ],
  [
    "no ICMP type",
    rule("{icmps: [{fields: [{family: IPv4}]}]}"),
    "7:24: spec.ingress[0].icmps[0].fields[0]: type is missing",
  ],
  [
    "ICMP family",
    rule("{icmps: [{fields: [{family: v4, type: 8}]}]}"),
    '7:33: spec.ingress[0].icmps[0].fields[0].family: "v4" is not one of IPv4, IPv6',
  ],
  [
    "ICMP type too high",
    rule("{icmps: [{fields: [{type: 256}]}]}"),
    "7:31: spec.ingress[0].icmps[0].fields[0].type: 256 is not a whole number from 0 to 255",
  ],
  [
    "text of an ICMP type too high",
    rule("{icmps: [{fields: [{type: '256'}]}]}"),
    '7:31: spec.ingress[0].icmps[0].fields[0].type: "256" is not a whole number from 0 to 255',
  ],
  [
    "ICMP type",
    rule("{icmps: [{fields: [{type: PacketTooBig}]}]}"),
    '7:31: spec.ingress[0].icmps[0].fields[0].type: "PacketTooBig" is no type of ICMP over IPv4; accepted are 0 to 255, EchoReply, DestinationUnreachable, Redirect, Echo, EchoRequest, RouterAdvertisement, RouterSelection, TimeExceeded, ParameterProblem, Timestamp, TimestampReply, Photuris, ExtendedEchoRequest, ExtendedEchoReply',
  ],
  [
    "ICMPv6 type",
    rule("{icmps: [{fields: [{family: IPv6, type: Redirect}]}]}"),
    '7:45: spec.ingress[0].icmps[0].fields[0].type: "Redirect" is no type of ICMP over IPv6; accepted are 0 to 255, DestinationUnreachable, PacketTooBig, TimeExceeded, ParameterProblem, EchoRequest, EchoReply, MulticastListenerQuery, MulticastListenerReport, MulticastListenerDone, RouterSolicitation, RouterAdvertisement, NeighborSolicitation, NeighborAdvertisement, RedirectMessage, RouterRenumbering, ICMPNodeInformationQuery, ICMPNodeInformationResponse, InverseNeighborDiscoverySolicitation, InverseNeighborDiscoveryAdvertisement, HomeAgentAddressDiscoveryRequest, HomeAgentAddressDiscoveryReply, MobilePrefixSolicitation, MobilePrefixAdvertisement, DuplicateAddressRequestCodeSuffix, DuplicateAddressConfirmationCodeSuffix, ExtendedEchoRequest, ExtendedEchoReply',
  ],
  [
    "unknown field of an ICMP type",
    rule("{icmps: [{fields: [{type: 8, code: 0}]}]}"),
    "7:34: spec.ingress[0].icmps[0].fields[0].code: is not a known field; known are family, type",
  ],
  [
    "41 ICMP types",
    rule(`{icmps: [{fields: [${many("{type: 8}")}]}]}`),
    "7:23: spec.ingress[0].icmps[0].fields: has 41 items; at most 40 are accepted",
  ],
];

test.each(table)("%s", (_, text, ...errors) => {
  expect(errorsOf(text)).toEqual(errors.map((error) => `f:${error}`));
});
