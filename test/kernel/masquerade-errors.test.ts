import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { fillChecksum, fillIpChecksum, wrongChecksums } from "#test/support/checksums.ts";
import { loopback } from "#test/support/datapath.ts";
import { decodeIpv4, decodeIpv6, decodePacket } from "#test/support/decode-packet.ts";
import {
  addressText,
  echo,
  elsewhere,
  families,
  type FamilyName,
  frameOf,
  type Ip,
  Masquerading,
  node,
  tcp,
  udp,
  world,
} from "#test/support/masquerading.ts";
import { buildIpPacket, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

/** The address of a router on the way. */
const router = elsewhere;

/** Destination unreachable that quotes a packet, the first `length` bytes of it. */
function unreachable(family: FamilyName, source: string, destination: string, quoted: Ip, length?: number): Ip {
  const bytes = fillIpChecksum(buildIpPacket(quoted)).subarray(0, length);
  return { source, destination, transport: { kind: "icmp", type: family === "ipv4" ? 3 : 1, quoted: bytes } };
}

/** What a frame's error quotes: addresses, and the first four bytes of the transport header as two ports. */
function quoteOf(frame: Uint8Array): { from: string; to: string; ports: [number, number]; identifier: number } {
  const decoded = decodePacket(frame);
  const inner = decoded?.payload.subarray(8) ?? new Uint8Array();
  const quoted = decoded?.protocol === 1 ? decodeIpv4(inner, true) : decodeIpv6(inner, true);
  if (!quoted) throw new Error("read quote: there is none");
  const view = new DataView(quoted.payload.buffer, quoted.payload.byteOffset);
  return {
    from: addressText(quoted.source),
    to: addressText(quoted.destination),
    ports: [view.getUint16(0), view.getUint16(2)],
    identifier: view.getUint16(4),
  };
}

const portOf = (passed: object): number => ("sport" in passed ? (passed.sport as number) : -1);

describe.each(families)("%s", (family) => {
  const [own, to] = [node[family], world[family]];

  test.each([
    ["TCP", (port: number) => tcp(port, 80)],
    ["UDP", (port: number) => udp(port, 80)],
    ["an echo", (port: number) => echo(family, "request", port)],
  ] as [string, (port: number) => Transport][])(
    "an error about %s that a pod sent reaches the pod as if about its own",
    async (what, transport) => {
      using net = await Masquerading.create();
      const { client, server } = net.pods;
      net.leave(client, { destination: to, transport: transport(40_000) }, family);
      // The second pod has another port outside than inside.
      const port = portOf(net.leave(server, { destination: to, transport: transport(40_000) }, family));
      for (const [pod, outside] of [
        [client, 40_000],
        [server, port],
      ] as const) {
        const about = { source: own, destination: to, transport: transport(outside), size: 12 };
        const error = fillChecksum(frameOf(unreachable(family, router[family], own, about)));
        expect(net.arriveFrame(error)).toMatchObject({ from: router[family], to: pod[family] });
        const quote = quoteOf(net.arriveRaw(error));
        expect(quote).toMatchObject({ from: pod[family], to });
        if (what === "an echo") expect(quote.identifier).toBe(40_000);
        else expect(quote.ports).toEqual([40_000, 80]);
        // As little as a router must quote (RFC 792): a TCP header without its checksum.
        const short = fillChecksum(
          frameOf(unreachable(family, router[family], own, about, (family === "ipv4" ? 20 : 40) + 8)),
        );
        const cut = net.arriveRaw(short);
        expect(quoteOf(cut)).toMatchObject({ from: pod[family], to });
        expect(wrongChecksums(cut).filter((wrong) => !wrong.startsWith("quoted"))).toEqual([]);
        const decoded = decodePacket(cut);
        expect(addressText(decoded?.destination ?? "")).toBe(pod[family]);
      }
    },
  );

  test("an error of a pod's about what came for it leaves under the node's address, as if about the node's", async () => {
    using net = await Masquerading.create();
    const { client, server } = net.pods;
    net.leave(client, { destination: to, transport: udp(40_000, 53) }, family);
    const port = portOf(net.leave(server, { destination: to, transport: udp(40_000, 53) }, family));
    const about = { source: to, destination: server[family] as string, transport: udp(53, 40_000), size: 12 };
    const error = fillChecksum(frameOf(unreachable(family, server[family] as string, to, about)));
    expect(net.leaveFrame(error, loopback)).toMatchObject({ from: own, to });
    expect(quoteOf(net.leaveRaw(error, loopback))).toMatchObject({ from: to, to: own, ports: [53, port] });
  });

  test("an error of the node's about what it had for a pod says nothing of the pod", async () => {
    using net = await Masquerading.create();
    const { server, client } = net.pods;
    net.leave(client, { destination: to, transport: udp(40_000, 53) }, family);
    const port = portOf(net.leave(server, { destination: to, transport: udp(40_000, 53) }, family));
    const about = { source: to, destination: server[family] as string, transport: udp(53, 40_000), size: 12 };
    const error = fillChecksum(frameOf(unreachable(family, own, to, about)));
    expect(net.leaveFrame(error, 0)).toMatchObject({ from: own, to });
    expect(quoteOf(net.leaveRaw(error, 0))).toMatchObject({ from: to, to: own, ports: [53, port] });
  });

  test("errors about nobody's flow: the node's own pass untouched, a pod's are dropped", async () => {
    using net = await Masquerading.create();
    const { client, datapath } = net.pods;
    const pod = client[family] as string;
    const aboutNode = { source: own, destination: to, transport: udp(5000, 53), size: 12 };
    const toNode = fillChecksum(frameOf(unreachable(family, router[family], own, aboutNode)));
    expect(net.arriveRaw(toNode)).toEqual(toNode);
    const fromNode = fillChecksum(
      frameOf(unreachable(family, own, to, { source: to, destination: own, transport: udp(53, 5000), size: 12 })),
    );
    expect(net.leaveRaw(fromNode, 0)).toEqual(fromNode);
    const aboutPod = { source: to, destination: pod, transport: udp(53, 5000), size: 12 };
    const fromPod = fillChecksum(frameOf(unreachable(family, pod, to, aboutPod)));
    expect(net.leaveFrame(fromPod, loopback)).toEqual({ drop: DropReason.NAT_NO_MAPPING });
    // Of a connection that the world began to the pod's own address.
    datapath.receive(client, frameOf(aboutPod), { ingressIfindex: 5 });
    expect(net.leaveRaw(fromPod, loopback)).toEqual(fromPod);
    // About a later fragment nobody knows; and about what was for another nobody should.
    const later: Partial<Ip> =
      family === "ipv4" ? { fragment: 10 } : { extensions: [[44, Uint8Array.of(0, 80, 0, 0, 0, 1)]] };
    const aboutFragment = unreachable(family, router[family], own, { ...aboutNode, ...later });
    expect(net.arriveRaw(fillChecksum(frameOf(aboutFragment)))).toEqual(fillChecksum(frameOf(aboutFragment)));
    for (const about of [
      { ...aboutPod, ...later },
      { ...aboutPod, destination: net.pods.server[family] as string },
    ]) {
      const unknown = fillChecksum(frameOf(unreachable(family, pod, to, about)));
      expect(net.leaveFrame(unknown, loopback)).toEqual({ drop: DropReason.NAT_NO_MAPPING });
    }
    // Cut off before the quoted header ends.
    const cut = fillChecksum(frameOf(unreachable(family, pod, to, aboutPod, 10)));
    expect(net.leaveFrame(cut, loopback)).toEqual({ drop: DropReason.INVALID_PACKET });
    const cutAboutNode = fillChecksum(frameOf(unreachable(family, router[family], own, aboutNode, 10)));
    expect(net.arriveRaw(cutAboutNode)).toEqual(cutAboutNode);
    expect(net.leaveRaw(fillChecksum(frameOf(unreachable(family, own, to, aboutNode, 10))), 0)).toHaveLength(
      cutAboutNode.length,
    );
    // About another's packet than the one to whom it comes.
    const aboutOther = fillChecksum(frameOf(unreachable(family, router[family], own, { ...aboutNode, source: pod })));
    expect(net.arriveRaw(aboutOther)).toEqual(aboutOther);
  });

  test("errors about echoes of the node's own stay as they are", async () => {
    using net = await Masquerading.create();
    net.leaveAs({ source: own, destination: to, transport: echo(family, "request", 70) }, 0);
    const aboutReply = { source: to, destination: own, transport: echo(family, "reply", 70), size: 12 };
    const leaving = fillChecksum(frameOf(unreachable(family, own, to, aboutReply)));
    expect(net.leaveRaw(leaving, 0)).toEqual(leaving);
    const aboutRequest = { source: own, destination: to, transport: echo(family, "request", 70), size: 12 };
    const coming = fillChecksum(frameOf(unreachable(family, router[family], own, aboutRequest)));
    expect(net.arriveRaw(coming)).toEqual(coming);
    // About a request of the world's, with an identifier that the node uses as well.
    const aboutTheirs = { source: to, destination: own, transport: echo(family, "request", 70), size: 12 };
    const theirs = fillChecksum(frameOf(unreachable(family, own, to, aboutTheirs)));
    expect(net.leaveRaw(theirs, 0)).toEqual(theirs);
  });
});
