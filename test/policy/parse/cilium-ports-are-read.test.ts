import { expect, test } from "vitest";
import { PORTLESS_PROTOCOLS } from "#policy/model/protocol.ts";
import { ciliumRule, hostRuleText, objectsOf } from "#test/support/cilium-text.ts";

function ports(items: string): object | undefined {
  return ciliumRule("ingress", `{toPorts: [{ports: [${items}]}]}`).ports?.[0]?.ports;
}

test.each([
  ["{port: 80}", { protocol: "ANY", port: 80, endPort: null }],
  ["{port: '80', protocol: TCP}", { protocol: "TCP", port: 80, endPort: null }],
  ["{port: HTTP-Alt, protocol: SCTP}", { protocol: "SCTP", port: "http-alt", endPort: null }],
  ["{port: 0x10}", { protocol: "ANY", port: 16, endPort: null }],
  ["{port: '0x10'}", { protocol: "ANY", port: "0x10", endPort: null }],
  ["{port: '8000', endPort: 9000, protocol: UDP}", { protocol: "UDP", port: 8000, endPort: 9000 }],
  ["{port: 80, endPort: 80}", { protocol: "ANY", port: 80, endPort: null }],
  ["{port: 80, endPort: 0}", { protocol: "ANY", port: 80, endPort: null }],
  ["{port: http, endPort: 0}", { protocol: "ANY", port: "http", endPort: null }],
  ["{port: '0', protocol: UDP}", { protocol: "UDP", port: null, endPort: null }],
  ["{port: 0, endPort: 65535}", { protocol: "ANY", port: null, endPort: null }],
])("%s", (text, port) => {
  expect(ports(text)).toEqual([port]);
});

test.each(["ICMP", "ICMPv6", ...PORTLESS_PROTOCOLS])("%s has no ports", (protocol) => {
  const port = { protocol, port: null, endPort: null };
  expect(ports(`{protocol: ${protocol}}, {protocol: ${protocol}, port: '0'}`)).toEqual([port, port]);
});

test("40 ports, and several items", () => {
  expect(ports(new Array(40).fill("{port: 80}").join(", "))).toHaveLength(40);
  expect(ciliumRule("ingressDeny", "{toPorts: [{ports: [{port: 80}]}, {ports: []}, {}]}").ports).toEqual([
    { ports: [{ protocol: "ANY", port: 80, endPort: null }], serverNames: [], l7: null },
    { ports: [], serverNames: [], l7: null },
    { ports: [], serverNames: [], l7: null },
  ]);
});

test("an empty list of items is none", () => {
  expect(ciliumRule("egress", "{toPorts: [], icmps: []}")).toMatchObject({ ports: null, icmps: null });
  expect(ciliumRule("egress", "{toPorts: [], icmps: [{}]}")).toMatchObject({ ports: null, icmps: [] });
});

test("names that TLS clients ask for", () => {
  const names = "[Www.Example.com., '*.example.com', '**.example.org', '*.example.com']";
  expect(ciliumRule("egress", `{toPorts: [{ports: [{port: 443}], serverNames: ${names}}]}`).ports).toMatchObject([
    { serverNames: ["www.example.com", "*.example.com", "**.example.org"], l7: null },
  ]);
});

test("ICMP types by number and by name, of both families, in every section", () => {
  const fields = "{type: 8}, {type: '0', family: IPv4}, {type: Redirect}, {family: IPv6, type: NeighborSolicitation}";
  for (const section of ["ingress", "ingressDeny", "egress", "egressDeny"] as const) {
    expect(ciliumRule(section, `{icmps: [{fields: [${fields}]}, {fields: [{type: 255}]}]}`).icmps).toEqual([
      { protocol: "ICMP", type: 8 },
      { protocol: "ICMP", type: 0 },
      { protocol: "ICMP", type: 5 },
      { protocol: "ICMPv6", type: 135 },
      { protocol: "ICMP", type: 255 },
    ]);
  }
});

test("policies of nodes have ports, and may say that they ask no more", () => {
  const text = hostRuleText("ingress", "{toPorts: [{ports: [{port: 22}], serverNames: [], rules: {}}]}");
  expect(objectsOf(text)).toMatchObject([{ specs: [{ ingress: [{ ports: [{ l7: null, serverNames: [] }] }] }] }]);
});
