import { expect, test } from "vitest";
import type {
  BpfConnection,
  BpfCounter,
  BpfEndpoint,
  BpfLinkView,
  BpfIpcacheEntry,
  BpfPolicyEntry,
} from "#agent/api/bpf-views.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedLinks, settledLinks } from "#test/support/pins.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [
        { from: [app("client")], ports: [{ protocol: "TCP", port: 80 }] },
        { from: [{ ipBlock: { cidr: "192.0.2.0/24" } }] },
      ],
    }),
  },
});
const pods = usePods(node, ["server", "client"]);
let server: EndpointView;
let client: EndpointView;

prepare(async () => {
  await pods.server.traffic.serve("TCP", 80);
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4000 });
  await expectTraffic(pods.client, pods.server, 81, "silent");
  const endpoints = await node().client.endpoints();
  [server, client] = ["server", "client"].map((name) =>
    endpoints.find(({ pod }) => pod === name),
  ) as typeof endpoints as [EndpointView, EndpointView];
});

const list = <T>(what: string): Promise<T[]> => node().read<T[]>("bpf", what, "list");

test("bpf endpoints list: both addresses of each pod", async () => {
  const endpoints = await list<BpfEndpoint>("endpoints");
  const found = endpoints.map(({ id, address, identity }) => ({ id, address, identity }));
  const wanted = [server, client].flatMap(({ id, ipv4, ipv6, identity }) =>
    [ipv4, ipv6].map((address) => ({ id, address, identity })),
  );
  expect(found).toHaveLength(4);
  expect(found).toEqual(expect.arrayContaining(wanted));
});

test("bpf ipcache list: who has an address, and which class", async () => {
  const entries = await list<BpfIpcacheEntry>("ipcache");
  const of = (prefix: string) => entries.find((entry) => entry.prefix === prefix);
  expect(of(`${client.ipv4}/32`)?.identity).toBe(client.identity);
  expect(of("192.0.2.0/24")?.addressClass).toBeGreaterThan(0);
  expect(of(`${pods.server.gateway4}/32`)?.identity).toBe(1);
});

test("bpf policy list: the entries that judge an endpoint", async () => {
  const entries = await list<BpfPolicyEntry>("policy");
  const block = (await list<BpfIpcacheEntry>("ipcache")).find(({ prefix }) => prefix === "192.0.2.0/24");
  const ingress = entries.filter(
    ({ endpoints, direction }) => endpoints.includes(server.id) && direction === "ingress",
  );
  const common = { verdict: "allow", rule: expect.any(Number) as number };
  expect(ingress).toHaveLength(2);
  expect(ingress).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...common, peer: client.identity, protocol: 6, port: 80, portBits: 16 }),
      expect.objectContaining({ ...common, peer: block?.addressClass, protocol: 0, portBits: 0 }),
    ]),
  );
});

test("bpf ct list: a connection with the verdicts and rules of both ends", async () => {
  const connections = await list<BpfConnection>("ct");
  const found = connections.filter(({ sourcePort }) => sourcePort === 4000);
  const end = { source: client.ipv4, destination: server.ipv4, destinationPort: 80, protocol: "TCP", seenReply: true };
  expect(found).toEqual([expect.objectContaining(end)]);
  expect([found[0]?.from.verdict, found[0]?.to.verdict]).toEqual(["allow", "allow"]);
  expect([found[0]?.from.rules, found[0]?.to.rules.length]).toEqual([[], 1]);
  expect(connections.some(({ destinationPort }) => destinationPort === 81)).toBe(false);
});

test("bpf counters list: drops by reason and place in the source", async () => {
  const counters = await list<BpfCounter>("counters");
  const denied = counters.find(({ reason }) => reason === "POLICY_DENIED");
  expect(denied).toMatchObject({ direction: "egress", file: "judge.h", line: expect.any(Number) as number });
  expect(denied?.packets).toBeGreaterThan(0);
  expect(counters.find(({ reason }) => reason === "FORWARDED")?.packets).toBeGreaterThan(0);
});

test("bpf links list: both programs of each pod, as the kernel has them", async () => {
  await settledLinks(node());
  const links = await list<BpfLinkView>("links");
  const endpoints = await node().client.endpoints();
  const found = links.map(({ interface: name, hook, attach, program }) => [name, hook, attach, program].join(" "));
  const wanted = endpoints.flatMap(({ hostInterface }) => [
    `${hostInterface} ingress tcx pod_egress`,
    `${hostInterface} egress tcx pod_ingress`,
  ]);
  expect(found.toSorted()).toEqual(wanted.toSorted());
  const pinned = Object.values(pinnedLinks(node())).map(({ program }) => program);
  expect(links.map(({ programId }) => programId).toSorted()).toEqual(pinned.toSorted());
  expect(links[0]?.tag).toMatch(/^[0-9a-f]{16}$/);
});
