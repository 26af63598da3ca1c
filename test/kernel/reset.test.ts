import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { encodeAddress, encodeMac } from "#agent/datapath/address.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { ipv4Checksum, type PacketSpec, tcpChecksum, type TcpFlag, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const on = { config: { terminateOnDeny: 1 } };
const closed = serverPolicy("[]");

interface Numbers {
  readonly seq?: number;
  readonly ack?: number;
}
const request = (flags: readonly TcpFlag[], numbers: Numbers = {}): Transport => {
  return { kind: "tcp", sport: 40_000, dport: 80, flags, ...numbers };
};
const reply = (flags: readonly TcpFlag[], numbers: Numbers = {}): Transport => {
  return { kind: "tcp", sport: 80, dport: 40_000, flags, ...numbers };
};

const addresses = {
  IPv4: { client: "10.0.0.2", server: "10.0.0.3" },
  IPv6: { client: "fd00::2", server: "fd00::3" },
} as const;
type Family = keyof typeof addresses;
const flagBits = { RST: 4, "RST+ACK": 20 } as const;

/** The client's packet to the server. */
function send(pods: TwoPods, family: Family, transport: Transport, more: Partial<PacketSpec> = {}): Outcome {
  const { client, server } = addresses[family];
  const packet = pods.datapath.packet(pods.client, { source: client, destination: server, transport, ...more });
  return pods.datapath.send(pods.client, packet);
}

function answer(pods: TwoPods, family: Family, transport: Transport): Outcome {
  const { client, server } = addresses[family];
  const packet = pods.datapath.packet(pods.server, { source: server, destination: client, transport });
  return pods.datapath.send(pods.server, packet);
}

async function established(family: Family, options = on): Promise<TwoPods> {
  const pods = await TwoPods.with(serverPolicy(fromClient80), options);
  send(pods, family, request(["SYN"]));
  answer(pods, family, reply(["SYN", "ACK"]));
  expect(send(pods, family, request(["ACK"])).action).toBe(Action.redirect);
  return pods;
}

/** Expects a RST that answers the client's segment, byte for byte but for the checksums, which have to be right. */
function expectReset(
  outcome: Outcome,
  family: Family,
  pods: TwoPods,
  flags: keyof typeof flagBits,
  seq: number,
  ack: number,
): void {
  const { client, server } = addresses[family];
  expect([outcome.action, reasonOf(outcome), outcome.mark]).toEqual([Action.redirect, DropReason.POLICY_DENIED, 0]);
  const { packet } = outcome;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const at = family === "IPv4" ? 34 : 54;
  expect(packet).toHaveLength(at + 20);
  expect([...packet.subarray(0, 12)]).toEqual([...encodeMac(pods.client.mac), ...encodeMac(pods.client.hostMac)]);
  if (family === "IPv4") {
    expect([...packet.subarray(12, 24)]).toEqual([8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6]);
    expect(ipv4Checksum(packet)).toBe(0);
    expect([...packet.subarray(26, 34)]).toEqual([
      ...encodeAddress(server).bytes.subarray(0, 4),
      ...encodeAddress(client).bytes.subarray(0, 4),
    ]);
  } else {
    expect([...packet.subarray(12, 22)]).toEqual([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
    expect([...packet.subarray(22, 54)]).toEqual([...encodeAddress(server).bytes, ...encodeAddress(client).bytes]);
  }
  expect(tcpChecksum(packet)).toBe(0);
  expect({
    ports: [view.getUint16(at), view.getUint16(at + 2)],
    seq: view.getUint32(at + 4),
    ack: view.getUint32(at + 8),
    words: view.getUint8(at + 12),
    flags: view.getUint8(at + 13),
    window: view.getUint16(at + 14),
    urgent: view.getUint16(at + 18),
  }).toEqual({ ports: [80, 40_000], seq, ack, words: 0x50, flags: flagBits[flags], window: 0, urgent: 0 });
}

/** Expects that the packet is dropped by policy, and nobody told. */
function expectSilence(outcome: Outcome): void {
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
}

describe.each(["IPv4", "IPv6"] as const)("a TCP connection over %s that policy cuts", (family) => {
  test.each([0, 1, 100, 1400])(
    "answers a segment with %i bytes by a RST at the number that it acknowledges",
    async (size) => {
      using pods = await established(family);
      await pods.setPolicy(closed);
      const segment = request(["ACK", "PSH"], { seq: 0xffff_fff0, ack: 0x8000_0001 });
      expectReset(send(pods, family, segment, { size }), family, pods, "RST", 0x8000_0001, 0);
      expect(pods.datapath.kernel.resets()).toBe(1n);
    },
  );

  test("answers a segment without an acknowledgement by one that acknowledges all of it", async () => {
    using pods = await established(family);
    await pods.setPolicy(closed);
    const at = 0xffff_fffe;
    expectReset(send(pods, family, request([], { seq: at }), { size: 10 }), family, pods, "RST+ACK", 0, 8);
    expectReset(send(pods, family, request(["FIN"], { seq: at }), { size: 10 }), family, pods, "RST+ACK", 0, 9);
  });

  test("answers both ends, each at its next packet, and every packet once", async () => {
    using pods = await established(family);
    await pods.setPolicy(closed);
    for (let i = 0; i < 3; i++) expect(send(pods, family, request(["ACK"])).action).toBe(Action.redirect);
    const told = answer(pods, family, reply(["ACK"], { ack: 77 }));
    const view = new DataView(told.packet.buffer, told.packet.byteOffset);
    const at = family === "IPv4" ? 34 : 54;
    expect([told.action, view.getUint16(at), view.getUint16(at + 2), view.getUint32(at + 4)]).toEqual([
      Action.redirect,
      40_000,
      80,
      77,
    ]);
    expect(tcpChecksum(told.packet)).toBe(0);
    expect(pods.datapath.kernel.resets()).toBe(4n);
  });

  test("does not answer where the option is off", async () => {
    using pods = await established(family, { config: { terminateOnDeny: 0 } });
    await pods.setPolicy(closed);
    expectSilence(send(pods, family, request(["ACK"])));
    expect(pods.datapath.kernel.resets()).toBe(0n);
  });

  test("does not answer a RST, nor a SYN", async () => {
    using pods = await established(family);
    await pods.setPolicy(closed);
    expectSilence(send(pods, family, request(["RST"])));
    expectSilence(send(pods, family, request(["RST", "ACK"])));
    expectSilence(send(pods, family, request(["SYN"])));
    expect(pods.datapath.kernel.resets()).toBe(0n);
  });

  test("is answered through the stack where the sender is behind it", async () => {
    using pods = await TwoPods.with(serverPolicy("[{}]"), on);
    const { datapath, server } = pods;
    const outside = family === "IPv4" ? "192.0.2.1" : "2001:db8::1";
    const own = addresses[family].server;
    const knock = (flags: readonly TcpFlag[], numbers: Numbers = {}): Outcome => {
      const ip = { source: outside, destination: own, transport: request(flags, numbers) };
      const frame = datapath.packet({ ...server, mac: server.hostMac, hostMac: server.mac }, ip);
      return datapath.receive(server, frame, { ingressIfindex: 1 });
    };
    expect(knock(["SYN"]).action).toBe(Action.next);
    const accepted = { source: own, destination: outside, transport: reply(["SYN", "ACK"]) };
    expect(datapath.send(server, datapath.packet(server, accepted)).action).toBe(Action.next);
    expect(knock(["ACK"]).action).toBe(Action.next);
    await pods.setPolicy(closed);
    const cut = knock(["ACK"], { ack: 5000 });
    // As if the pod had sent it, and with the mark by which pod_egress knows it.
    expect([cut.action, reasonOf(cut)]).toEqual([Action.redirect, DropReason.POLICY_DENIED]);
    expect([...cut.packet.subarray(0, 12)]).toEqual([...encodeMac(server.hostMac), ...encodeMac(server.mac)]);
    expect(tcpChecksum(cut.packet)).toBe(0);
    const onItsWay = datapath.send(server, cut.packet, { mark: cut.mark });
    expect([onItsWay.action, onItsWay.mark, onItsWay.events]).toEqual([Action.next, 0, []]);
    // Without the mark it is the pod's own, and the connection is cut.
    expectSilence(datapath.send(server, cut.packet));
  });
});

test("packets of no known connection are dropped in silence", async () => {
  using pods = await TwoPods.with(closed, on);
  for (const flags of [["SYN"], ["ACK"], ["FIN", "ACK"], ["SYN", "ACK"]] as const)
    expectSilence(send(pods, "IPv4", request(flags)));
  expect(pods.datapath.kernel.resets()).toBe(0n);
});

test("other protocols, and TCP with options of IP, are dropped in silence", async () => {
  using pods = await TwoPods.with(serverPolicy("[{}]"), on);
  const udp: Transport = { kind: "udp", sport: 5000, dport: 53 };
  send(pods, "IPv4", udp);
  send(pods, "IPv4", request(["SYN"]));
  send(pods, "IPv6", request(["SYN"]));
  await pods.setPolicy(closed);
  expectSilence(send(pods, "IPv4", udp));
  expectSilence(send(pods, "IPv4", request(["ACK"]), { options: [1, 1, 1, 0] }));
  expectSilence(send(pods, "IPv6", request(["ACK"]), { extensions: [[60, new Uint8Array(6)]] }));
  expect(pods.datapath.kernel.resets()).toBe(0n);
});

test("after both ends were told, the same ports make another connection", async () => {
  using pods = await established("IPv4");
  await pods.setPolicy(closed);
  send(pods, "IPv4", request(["ACK"]));
  answer(pods, "IPv4", reply(["ACK"]));
  expectSilence(send(pods, "IPv4", request(["SYN"])));
  await pods.setPolicy(serverPolicy(fromClient80));
  expect(reasonOf(send(pods, "IPv4", request(["SYN"])))).toBe(0);
});
