import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { until } from "#agent/local/until.ts";
import { hostPolicy } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { UdpInbox } from "#test/support/udp-inbox.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

/** A tag of VLAN 0 says a priority and no VLAN (IEEE 802.1Q): the kernel takes off any number of them. */
const priorityTag = Uint8Array.of(0x81, 0x00, 0x00, 0x00);
const [denied, open, last] = [80, 81, 82];

const node = useNode();
let outside: Outside;

prepare(async () => {
  outside = new Outside(node());
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside"] });
});

function macOf(namespace: NetworkNamespace, device: string): string {
  const text = mustRunNow(namespace.enter(["ip", "-j", "link", "show", device]));
  const [{ address }] = JSON.parse(text) as [{ address: string }];
  return address;
}

/** A datagram to the node, with so many priority tags. */
function tagged(tags: number, dport: number): Uint8Array {
  const plain = buildPacket({
    sourceMac: macOf(outside.namespace, "node"),
    destinationMac: macOf(node().namespace, "outside"),
    source: outside.ipv4,
    destination: outside.node4,
    transport: { kind: "udp", sport: 5000, dport },
    size: 32,
  });
  const all = Array.from({ length: tags }, () => priorityTag);
  return new Uint8Array(Buffer.concat([plain.subarray(0, 12), ...all, plain.subarray(12)]));
}

/** How many of the frames that are sent meanwhile a port of the node receives; one to another port comes behind them. */
async function received(port: number, send: (out: PacketSocket) => void | Promise<void>): Promise<number> {
  await using inbox = await UdpInbox.open(node().namespace, port);
  await using end = await UdpInbox.open(node().namespace, last);
  using out = PacketSocket.open(outside.namespace, "node", { protocol: 0 });
  await send(out);
  await until("the last datagram", () => {
    out.send(tagged(0, last));
    return end.take() > 0;
  });
  return inbox.take();
}

const depths = [0, 1, 2, 3];

function allow(...numbers: readonly number[]): Promise<void> {
  const toPorts = [{ ports: numbers.map((port) => ({ port: String(port), protocol: "UDP" })) }];
  return node().changeObjects("host.yaml", hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts }] }));
}

test("priority tags do not hide a datagram from the host firewall", async () => {
  const one = (tags: number) => received(denied, (out) => out.send(tagged(tags, denied)));
  await allow(denied, last);
  for (const tags of depths.slice(0, 2)) expect(await one(tags)).toBe(1);
  await allow(open, last);
  const counts: [tags: number, count: number][] = [];
  for (const tags of depths) counts.push([tags, await one(tags)]);
  expect(counts).toEqual(depths.map((tags) => [tags, 0]));
});

test.for(["xdp", "tc"] as const)("priority tags do not hide a datagram from the prefilter in %s", async (hook) => {
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside", "--prefilter", hook] });
  const count = await received(open, async (out) => {
    expect(await node().weir("prefilter", "add", outside.ipv4)).toMatchObject({ code: 0 });
    for (const tags of depths) out.send(tagged(tags, open));
    expect(await node().weir("prefilter", "delete", outside.ipv4)).toMatchObject({ code: 0 });
  });
  expect(count).toBe(0);
});
