import { TcxLink } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { AddressFamily, DropReason } from "#agent/datapath/layouts.gen.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { TwoPods } from "#test/support/two-pods.ts";
import { VethPair } from "#test/support/veth-pair.ts";

beforeEach(needs("root", "namespaces", "tcx"));

// Test runs take no tag: the stack takes it off a frame, and puts it beside the packet.
test("a frame with a tag of a VLAN is dropped, of an established connection, too", async () => {
  using veth = new VethPair();
  using pods = new TwoPods();
  const client = { ...pods.client, ifindex: veth.ifindex };
  for (const endpoint of [client, pods.server]) await pods.enforcement.add(endpoint);
  await pods.setPolicy("");
  const transport = { kind: "udp", sport: 40_000, dport: 80 } as const;
  const link = { sourceMac: client.mac, destinationMac: client.hostMac, source: "10.0.0.2", destination: "10.0.0.3" };
  const frame = buildPacket({ ...link, transport });
  const tagged = new Uint8Array(
    Buffer.concat([frame.subarray(0, 12), Uint8Array.of(0x81, 0, 0, 7), frame.subarray(12)]),
  );

  using _ = veth.in(() => TcxLink.attachFirst(pods.datapath.program("pod_egress"), veth.ifindex, "ingress"));
  using wire = PacketSocket.open(veth.there, "there0", { protocol: 0 });
  const seen: number[] = [];
  const heard = (count: number) =>
    until("the events", () => {
      // A device that comes up says something by IPv6 of its own.
      const events = pods.datapath.events().filter(({ family }) => family !== AddressFamily.IPV6);
      seen.push(...events.map(({ reason }) => reason));
      return seen.length >= count;
    });
  wire.send(tagged);
  await heard(1);
  wire.send(frame);
  await heard(2);
  wire.send(tagged);
  await heard(3);
  expect(seen).toEqual([DropReason.VLAN_FILTERED, DropReason.NONE, DropReason.VLAN_FILTERED]);
});
