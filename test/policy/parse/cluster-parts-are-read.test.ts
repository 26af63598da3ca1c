import { expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

function read(text: string): PolicyObject[] | string[] {
  const parsed = parseObjects(text, "f");
  return parsed.ok ? parsed.objects : parsed.errors.map(formatLocatedError);
}

const node = (rest: string): string =>
  `{apiVersion: v1, kind: Node, metadata: {name: n1.example.com, labels: {a: b}}, ${rest}}`;
const service = (rest: string): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: s, namespace: n, labels: {a: b}}, ${rest}}`;
const slice = (rest: string, labels = "kubernetes.io/service-name: s"): string =>
  `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s-1, labels: {${labels}}}, ${rest}}`;

test("a Node has labels and addresses, and ranges of its pods; its names are none", () => {
  const addresses = [
    "{type: InternalIP, address: 10.0.0.1}",
    "{type: InternalIP, address: 'FD00::1'}",
    "{type: ExternalIP, address: 192.0.2.1}",
    "{type: ExternalIP, address: 10.0.0.1}",
    "{type: Hostname, address: n1}",
    "{type: InternalDNS, address: n1.internal}",
  ];
  expect(read(node(`spec: {providerID: x}, status: {capacity: {}, addresses: [${addresses.join(", ")}]}`))).toEqual([
    {
      kind: "Node",
      namespace: "",
      name: "n1.example.com",
      source: { file: "f", line: 1 },
      labels: { a: "b" },
      addresses: ["10.0.0.1", "fd00::1", "192.0.2.1"],
    },
  ]);
  expect(read(node("spec: {}"))).toMatchObject([{ addresses: [] }]);
  expect(read(node("spec: {podCIDR: 10.0.3.0/24}"))).toMatchObject([{ podCidrs: ["10.0.3.0/24"] }]);
  const both = "{podCIDR: 10.0.3.0/24, podCIDRs: [10.0.3.7/24, 'FD00::/64']}";
  expect(read(node(`spec: ${both}`))).toMatchObject([{ podCidrs: ["10.0.3.0/24", "fd00::/64"] }]);
});

test.each([
  ["status: {addresses: {}}", "f:1:100: status.addresses: is a mapping, not a list"],
  ["status: {addresses: [{address: 10.0.0.1}]}", "f:1:101: status.addresses[0]: type is missing"],
  ["status: {addresses: [{type: InternalIP}]}", "f:1:101: status.addresses[0]: address is missing"],
  [
    "status: {addresses: [{type: InternalIP, address: n1}]}",
    'f:1:129: status.addresses[0].address: "n1" is not an IP address',
  ],
  ["spec: {podCIDR: x}", 'f:1:96: spec.podCIDR: "x" is not a CIDR like 10.0.0.0/8 or fd00::/8'],
  ["state: {}", "f:1:80: state: is not a known field; known are apiVersion, kind, metadata, spec, status"],
])("a Node with %s", (rest, expected) => {
  expect(read(node(rest))).toEqual([expected]);
});

test("a Service has labels and a selector", () => {
  expect(read(service("spec: {selector: {app: web}, ports: [{port: 80}], clusterIP: x}"))).toEqual([
    {
      kind: "Service",
      namespace: "n",
      name: "s",
      source: { file: "f", line: 1 },
      labels: { a: "b" },
      selector: { app: "web" },
    },
  ]);
});

test.each([
  "spec: {}",
  "spec: {selector: {}}",
  "spec: {selector: null}",
  "status: {}",
  "spec: {type: ExternalName, selector: {a: b}}",
])("the pods behind a Service are not selected: %s", (rest) => {
  expect(read(service(rest))).toMatchObject([{ selector: null }]);
});

test("a Service's selector has values that labels can have", () => {
  expect(read(service("spec: {selector: {app: [web]}}"))).toEqual([
    "f:1:107: spec.selector.app: is a list, not a string",
  ]);
});

test("an EndpointSlice has the addresses that serve", () => {
  const endpoints = [
    "{addresses: [10.0.0.1, 10.0.0.2]}",
    "{addresses: [10.0.0.2], conditions: {}, nodeName: n1, zone: z, hints: {}, targetRef: {kind: Pod}}",
    "{addresses: [10.0.0.3], conditions: {ready: true, serving: true, terminating: false}}",
    "{addresses: [10.0.0.4], conditions: {ready: false}}",
    "{addresses: [10.0.0.5], conditions: {ready: false, serving: true, terminating: true}}",
    "{addresses: [10.0.0.6], conditions: {ready: false, serving: false, terminating: true}}",
  ];
  expect(read(slice(`addressType: IPv4, ports: [{port: 80}], endpoints: [${endpoints.join(", ")}]`))).toEqual([
    {
      kind: "EndpointSlice",
      namespace: "default",
      name: "s-1",
      source: { file: "f", line: 1 },
      service: "s",
      addresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.5"],
    },
  ]);
});

test("an EndpointSlice of names, or of no service", () => {
  expect(read(slice("addressType: FQDN, endpoints: [{addresses: [a.example.com]}]"))).toMatchObject([
    { addresses: [] },
  ]);
  expect(read(slice("addressType: IPv6, endpoints: null", "a: b"))).toMatchObject([{ service: "", addresses: [] }]);
});

test.each([
  ["endpoints: []", "object: addressType is missing"],
  ["addressType: ipv4", 'addressType: "ipv4" is not one of IPv4, IPv6, FQDN'],
  ["addressType: IPv4, endpoints: [{}]", "endpoints[0]: addresses is missing"],
  [
    "addressType: IPv4, endpoints: [{addresses: ['fd00::1']}]",
    'endpoints[0].addresses[0]: "fd00::1" is no IPv4 address',
  ],
  ["addressType: IPv6, endpoints: [{addresses: [a.b]}]", 'endpoints[0].addresses[0]: "a.b" is not an IP address'],
  ["addressType: FQDN, endpoints: [{addresses: [1]}]", "endpoints[0].addresses[0]: is the number 1, not a string"],
  [
    "addressType: IPv4, endpoints: [{addresses: [], conditions: {ready: 1}}]",
    "endpoints[0].conditions.ready: is the number 1",
  ],
  ["addressType: IPv4, subsets: []", "subsets: is not a known field"],
])("an EndpointSlice with %s", (rest, expected) => {
  expect(read(slice(rest))).toEqual([expect.stringContaining(expected)]);
});
