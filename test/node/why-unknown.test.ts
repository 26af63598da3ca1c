import { expect, test } from "vitest";
import type { AddressReasons, AddressView, NodeView } from "#agent/api/address-views.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const other = (...addresses: string[]) => `
apiVersion: v1
kind: Node
metadata: {name: other, labels: {zone: b}}
status:
  addresses:
${addresses.map((address) => `  - {type: InternalIP, address: ${address}}`).join("\n")}
`;

const node = useNode({
  objects: {
    "blocks.yaml": networkPolicy({
      name: "blocks",
      selects: { app: "web" },
      ingress: [{ from: [{ ipBlock: { cidr: "198.51.100.0/24" } }] }],
    }),
    "nodes.yaml": other("192.0.2.77"),
  },
});
const pods = usePods(node, ["web"]);
let web: EndpointView;

prepare(async () => {
  web = (await node().client.endpoints())[0] as EndpointView;
});

const why = (address: string) => node().read<AddressReasons>("why-unknown", address);

test("a pod's address is known by its record, with its identity in the store and the hops into the kernel", async () => {
  const reasons = await why(pods.web.ipv4);
  const prefix = `${pods.web.ipv4}/32`;
  expect(reasons).toMatchObject({
    known: true,
    source: "endpoint",
    because: `it is an address of the pod default/web, endpoint ${web.id} of this node`,
    kernel: { prefix, identity: web.identity },
    agent: { prefix, identity: web.identity },
    agree: true,
    labels: { app: "web" },
    store: { kind: "embedded", key: `identities/id/${web.identity}`, revision: expect.any(String) as string },
    remedies: [],
  });
  expect(reasons.hops.map(({ stage }) => stage)).toEqual(expect.arrayContaining(["endpoint", "ipcache"]));
  expect(reasons.hops.every(({ time }) => time !== null && !Number.isNaN(Date.parse(time)))).toBe(true);
});

test("another node's address is known by its object, with file and line; a change is followed", async () => {
  expect(await why("192.0.2.77")).toMatchObject({
    known: true,
    source: "node-object",
    identity: 6,
    because: expect.stringMatching(/^the Node object other \(.*nodes\.yaml:2\) has it$/) as string,
  });
  node().writeObjects("nodes.yaml", other("192.0.2.78"));
  await until("the new address to be known", async () => (await why("192.0.2.78")).known);
  const before = await until("the old address to be forgotten", async () => {
    const reasons = await why("192.0.2.77");
    return !reasons.known && reasons;
  });
  expect(before.hops.at(-1)?.what).toBe("the kernel forgot 192.0.2.77/32");
  expect((await why("192.0.2.78")).hops.at(-1)).toMatchObject({
    stage: "ipcache",
    what: "the kernel learned 192.0.2.78/32 as identity 6",
  });
});

test("an address that nobody knows is the world's, and it is said what would make it known", async () => {
  const reasons = await why("203.0.113.5");
  expect(reasons).toMatchObject({ known: false, source: "none", kernel: null, agent: null, identity: 2, agree: true });
  expect(reasons.because).toContain("so it is the world's");
  expect(reasons.remedies.join()).toContain("a Node object whose status.addresses name 203.0.113.5");
});

test("of an address in a range that a rule names, the rule is told with its place, and when it came", async () => {
  const reasons = await why("198.51.100.9");
  expect(reasons).toMatchObject({ known: false, identity: 2, kernel: { prefix: "198.51.100.0/24" } });
  expect(reasons.rules).toMatchObject([
    {
      kind: "NetworkPolicy",
      name: "blocks",
      rule: "ingress[0]",
      cidr: "198.51.100.0/24",
      line: expect.any(Number) as number,
    },
  ]);
  expect(reasons.hops.map(({ stage }) => stage)).toContain("ipcache");
});

test("an address of this node, a free one of its pods' range, and one of IPv6 in another spelling", async () => {
  expect(await why(pods.web.gateway4)).toMatchObject({ known: true, source: "own-address", identity: 1 });
  expect(await why("10.77.0.250")).toMatchObject({
    known: false,
    source: "pod-range",
    agent: { prefix: "10.77.0.0/24" },
  });
  const long = pods.web.ipv6.replace("::", ":0:0:0:0:0:").toUpperCase();
  const spelt = await node().weir("why-unknown", long);
  expect(spelt.stdout === "" ? spelt.stderr : spelt.stdout).toContain("endpoint");
  const refused = await node().weir("why-unknown", "10.0.0");
  expect(refused.code).toBe(2);
});

test("ip list has every prefix of the kernel with whose it is; node list this node and others", async () => {
  const addresses = await node().read<AddressView[]>("ip", "list");
  const of = (prefix: string) => addresses.find((entry) => entry.prefix === prefix);
  expect(of(`${pods.web.ipv6}/128`)).toMatchObject({ source: "endpoint", pod: "default/web", endpoint: web.id });
  expect(of(`${pods.web.gateway4}/32`)).toMatchObject({ source: "own-address", labels: { "reserved:host": "" } });
  expect(of("192.0.2.78/32")).toMatchObject({ source: "node-object", node: "other" });
  expect(of("198.51.100.0/24")).toMatchObject({ source: "none", labels: { "reserved:world": "" } });
  const nodes = await node().read<NodeView[]>("node", "list");
  expect(nodes).toMatchObject([
    { name: "node", own: true, file: null, addresses: expect.arrayContaining([pods.web.gateway4]) as string[] },
    { name: "other", own: false, addresses: ["192.0.2.78"], labels: { zone: "b" } },
  ]);
});
