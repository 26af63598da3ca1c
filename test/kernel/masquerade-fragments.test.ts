import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { fillIpChecksum, wrongChecksums } from "#test/support/checksums.ts";
import { loopback } from "#test/support/datapath.ts";
import { decodePacket } from "#test/support/decode-packet.ts";
import {
  families,
  type FamilyName,
  frameOf,
  Masquerading,
  node,
  seen,
  udp,
  world,
} from "#test/support/masquerading.ts";
import { buildIpPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

const size = 128;

/** A UDP datagram of three fragments, its checksum over the whole. */
function fragments(source: string, destination: string, sport: number, dport: number, id: number): Uint8Array[] {
  const isIpv6 = source.includes(":");
  const whole = fillIpChecksum(buildIpPacket({ source, destination, transport: udp(sport, dport), size }));
  const body = whole.subarray(isIpv6 ? 40 : 20);
  return [0, 48, 96].map((offset) => {
    const payload = body.subarray(offset, offset + 48);
    const more = offset + 48 < body.length;
    const transport = { kind: "raw", protocol: 17, payload } as const;
    if (!isIpv6) return frameOf({ source, destination, transport, id, fragment: (more ? 0x2000 : 0) | (offset / 8) });
    const header = Uint8Array.of(offset >> 8, (offset & 0xf8) | Number(more), 0, 0, id >> 8, id & 255);
    return frameOf({ source, destination, transport, extensions: [[44, header]] });
  });
}

/** The datagram that fragments make, as a frame. */
function together(family: FamilyName, parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts as [Uint8Array];
  const body = Buffer.concat(parts.map((frame) => decodePacket(frame)?.payload ?? new Uint8Array()));
  const header = first.slice(0, family === "ipv4" ? 34 : 54);
  const frame = new Uint8Array(Buffer.concat([header, body]));
  const view = new DataView(frame.buffer);
  if (family === "ipv6") {
    view.setUint16(18, body.length);
    frame[20] = 17;
    return frame;
  }
  // What the first fragment said of itself: the header's checksum was right with that.
  expect(wrongChecksums(first)).toEqual([]);
  view.setUint16(16, 20 + body.length);
  view.setUint16(20, 0);
  view.setUint16(24, 0);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(24, ~sum & 0xffff);
  return frame;
}

describe.each(families)("%s", (family) => {
  const [own, to] = [node[family], world[family]];

  test("a datagram in pieces leaves under one address and port, and one of the answer finds back", async () => {
    using net = await Masquerading.create();
    const { client, server, datapath } = net.pods;
    net.leave(client, { destination: to, transport: udp(40_000, 53) }, family);
    const pod = server[family] as string;
    const out = fragments(pod, to, 40_000, 53, 7).map((frame) => {
      datapath.send(server, datapathFrame(frame, server.mac, server.hostMac));
      return net.leaveRaw(frame, loopback);
    });
    const left = together(family, out);
    expect(wrongChecksums(left)).toEqual([]);
    const { sport, ...rest } = seen(left);
    expect(rest).toEqual({ from: own, to, dport: 53 });
    expect(sport).not.toBe(40_000);
    expect(out.map((frame) => seen(frame).from)).toEqual([own, own, own]);

    const back = fragments(to, own, 53, sport, 9).map((frame) => net.arriveRaw(frame));
    expect(back.map((frame) => seen(frame).to)).toEqual([pod, pod, pod]);
    const arrived = together(family, back);
    expect(wrongChecksums(arrived)).toEqual([]);
    expect(seen(arrived)).toEqual({ from: to, to: pod, sport: 53, dport: 40_000 });
  });

  test("later fragments without their first: a pod's are dropped, the node's go on untouched", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    net.leave(client, { destination: to, transport: udp(40_000, 53) }, family);
    const [, lost] = fragments(client[family] as string, to, 40_000, 53, 3) as [Uint8Array, Uint8Array];
    expect(net.leaveFrame(lost, loopback)).toEqual({ drop: DropReason.FRAGMENT_FIRST_MISSING });
    const [first, later] = fragments(to, own, 53, 9999, 3) as [Uint8Array, Uint8Array];
    expect([net.arriveRaw(first), net.arriveRaw(later)]).toEqual([first, later]);
    for (const frame of fragments(own, to, 40_000, 53, 4).slice(1)) expect(net.leaveRaw(frame, 0)).toEqual(frame);
  });
});

/** With the MAC addresses of a pod's device. */
function datapathFrame(frame: Uint8Array, mac: string, hostMac: string): Uint8Array {
  const bytes = (text: string): number[] => text.split(":").map((part) => Number.parseInt(part, 16));
  const copy = frame.slice();
  copy.set([...bytes(hostMac), ...bytes(mac)]);
  return copy;
}
