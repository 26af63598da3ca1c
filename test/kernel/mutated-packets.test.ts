import { beforeEach, expect, test } from "vitest";
import { decodeIpv4, decodeIpv6, decodePacket, type DecodedPacket } from "#test/support/decode-packet.ts";
import { Action } from "#test/support/datapath.ts";
import { buildIpPacket } from "#test/support/packet.ts";
import { Random } from "#test/support/random.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";
import { fromClient80, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const ipv4 = { source: "10.0.0.2", destination: "10.0.0.3" };
const ipv6 = { source: "fd00::2", destination: "fd00::3" };
const tcp = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] } as const;
const ack = { ...tcp, flags: ["ACK"] } as const;
const udp = { kind: "udp", sport: 40_000, dport: 80 } as const;

/** What pods send, honest or nearly so; each is changed again and again. */
function seeds({ datapath, client }: TwoPods): Uint8Array[] {
  const packet = (spec: Parameters<typeof datapath.packet>[1]): Uint8Array => datapath.packet(client, spec);
  const quoted = buildIpPacket({
    source: "10.0.0.3",
    destination: "10.0.0.2",
    transport: { ...ack, sport: 80, dport: 40_000 },
  });
  const extensions = [
    [0, new Uint8Array(6)],
    [60, new Uint8Array(14)],
  ] as const;
  return [
    packet({ ...ipv4, transport: tcp, size: 32 }),
    packet({ ...ipv4, transport: ack, size: 32 }),
    packet({ ...ipv4, transport: { ...tcp, dport: 81 }, size: 32 }),
    packet({ ...ipv4, transport: udp, size: 32 }),
    packet({ ...ipv4, transport: tcp, size: 32, fragment: 0x2000, id: 7 }),
    packet({ ...ipv4, transport: { ...tcp, dport: 81 }, size: 32, fragment: 0x2000, id: 7 }),
    packet({ ...ipv4, transport: udp, size: 32, fragment: 0x0003, id: 7 }),
    packet({ ...ipv4, transport: tcp, options: [7, 7, 4, 0, 0, 0, 0, 0], size: 32 }),
    packet({ ...ipv4, transport: { kind: "icmp", type: 3, code: 3, quoted } }),
    packet({ ...ipv4, transport: { kind: "icmp", type: 8, id: 80 }, size: 16 }),
    packet({ ...ipv6, transport: tcp, size: 32 }),
    packet({ ...ipv6, transport: ack, extensions, size: 32 }),
    packet({ ...ipv6, transport: udp, extensions, size: 32 }),
    packet({ ...ipv6, transport: tcp, extensions: [[44, Uint8Array.of(0, 1, 0, 0, 0, 7)]], size: 32 }),
    packet({ ...ipv6, transport: udp, extensions: [[44, Uint8Array.of(0, 8, 0, 0, 0, 7)]], size: 32 }),
    packet({ ...ipv6, transport: { kind: "icmp", type: 135 }, size: 24 }),
  ];
}

/** Places that decide something, more often than others. */
const places = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 34, 35, 36, 37, 40, 46, 47, 54, 55, 56, 57, 62, 63, 74, 75];
const values = [0, 1, 4, 5, 6, 8, 17, 43, 44, 51, 58, 60, 69, 70, 80, 81, 0x20, 0x40, 0x60, 0x80, 0x86, 0xdd, 0xff];

function mutate(random: Random, seed: Uint8Array, other: Uint8Array): Uint8Array {
  let frame = seed.slice();
  for (let i = random.integer(0, 4); i > 0; i--) {
    const at = random.chance(0.6) ? random.pick(places) : random.integer(0, frame.length - 1);
    if (at < frame.length) frame[at] = random.chance(0.6) ? random.pick(values) : random.integer(0, 255);
  }
  if (random.chance(0.1)) frame = frame.slice(0, random.integer(54, Math.max(54, frame.length)));
  if (random.chance(0.1)) frame = Uint8Array.from([...frame, ...other.subarray(0, random.integer(1, other.length))]);
  return frame;
}

/** Datagrams whose first fragment may pass. Later ones are judged as it was, also where it went astray. */
type Datagrams = Set<string>;

/**
 * May the server have it? It takes TCP 80 of the client, whole or in pieces, and complaints about what it sent on
 * such a connection; nothing else.
 */
function isAllowed(packet: DecodedPacket, isIpv6: boolean, datagrams: Datagrams): boolean {
  const [client, server] = isIpv6
    ? [`fd00${"0".repeat(24)}0002`, `fd00${"0".repeat(24)}0003`]
    : ["0a000002", "0a000003"];
  if (packet.source !== client || packet.destination !== server) return false;
  if (packet.fragmentOffset > 0) return packet.datagram !== null && datagrams.has(packet.datagram);
  const view = new DataView(packet.payload.buffer, packet.payload.byteOffset, packet.payload.byteLength);
  if (packet.protocol === 6) {
    const isWhole = view.byteLength >= 20 && view.getUint16(2) === 80;
    return isWhole;
  }
  if (packet.protocol === 1 || packet.protocol === 58) {
    const bytes = packet.payload.subarray(8);
    const quoted = isIpv6 ? decodeIpv6(bytes, true) : decodeIpv4(bytes, true);
    const sport =
      quoted && quoted.payload.length >= 2 ? ((quoted.payload[0] as number) << 8) | (quoted.payload[1] as number) : -1;
    return quoted?.source === server && quoted.destination === client && quoted.protocol === 6 && sport === 80;
  }
  return false;
}

test("whatever bytes a pod sends, the server gets only what policy lets it have", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const { datapath, client, server } = pods;
  const program = datapath.program("pod_egress");
  const random = new Random(4);
  const all = seeds(pods);
  const datagrams: Datagrams = new Set();
  const serverMac = server.mac.replaceAll(":", "");
  const counts = { drop: 0, delivered: 0, answered: 0, next: 0 };
  datapath.place(client);
  for (let i = 0; i < sized({ short: 60_000, long: 1_000_000 }); i++) {
    const frame = mutate(random, random.pick(all), random.pick(all));
    const { returnValue: action, data } = program.testRun({ data: frame, context: { ifindex: 1 } });
    if (i % 5_000 === 0) datapath.events();
    const sent = decodePacket(frame);
    if (sent?.datagram && sent.fragmentOffset === 0 && isAllowed(sent, frame[12] === 0x86, datagrams)) {
      datagrams.add(sent.datagram);
    }
    if (action === Action.drop) counts.drop++;
    else if (action === Action.next) counts.next++;
    else {
      expect(action).toBe(Action.redirect);
      const packet = decodePacket(data);
      const where = `run ${i}: ${Buffer.from(frame).toString("hex")}`;
      if (Buffer.from(data.subarray(0, 6)).toString("hex") !== serverMac) {
        // An answer of the node's to the pod itself: ARP or neighbour discovery.
        expect(Buffer.from(data.subarray(0, 6)).toString("hex"), where).toBe(client.mac.replaceAll(":", ""));
        counts.answered++;
        continue;
      }
      if (packet === null) throw new Error(`${where}: the server was sent what no receiver reads`);
      expect(isAllowed(packet, data[12] === 0x86, datagrams), where).toBe(true);
      counts.delivered++;
    }
  }
  // Every kind of outcome came about, so the comparison says something.
  expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(0);
}, 900_000);
