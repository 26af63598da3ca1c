import { beforeEach, expect, test } from "vitest";
import { fillChecksum, wrongChecksums } from "#test/support/checksums.ts";
import { loopback } from "#test/support/datapath.ts";
import { echo, frameOf, Masquerading, node, tcp, udp, world } from "#test/support/masquerading.ts";
import { buildIpPacket, type Transport } from "#test/support/packet.ts";
import { Random } from "#test/support/random.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";

beforeEach(needs("root", "namespaces"));

const families = ["ipv4", "ipv6"] as const;
const extensions = [[60, new Uint8Array(14)]] as const;
const fragment = (word: number) => [[44, Uint8Array.of(word >> 8, word & 255, 0, 0, 0, 7)]] as const;

/** What one sends to another, of every kind that is translated. */
function seeds(source: string, destination: string): Uint8Array[] {
  const isIpv6 = source.includes(":");
  const family = isIpv6 ? "ipv6" : "ipv4";
  const quoted = buildIpPacket({ source: destination, destination: source, transport: udp(53, 40_000), size: 12 });
  const transports: Transport[] = [
    tcp(40_000, 80),
    tcp(40_000, 80, "ACK"),
    udp(40_000, 53),
    echo(family, "request", 40_000),
    echo(family, "reply", 40_000),
    { kind: "sctp", sport: 40_000, dport: 53 },
    { kind: "icmp", type: isIpv6 ? 1 : 3, quoted },
  ];
  const pieces = isIpv6
    ? [{ extensions: fragment(1) }, { extensions: fragment(48) }, { extensions }]
    : [{ fragment: 0x2000, id: 7 }, { fragment: 6, id: 7 }, { options: [7, 7, 4, 0] }];
  return [
    ...transports.map((transport) => frameOf({ source, destination, transport, size: 24 })),
    ...pieces.map((piece) => frameOf({ source, destination, transport: udp(40_000, 53), size: 24, ...piece })),
  ].map(fillChecksum);
}

/** Bytes of headers, more often than others. */
function mutate(random: Random, seed: Uint8Array): Uint8Array {
  const frame = seed.slice();
  for (let i = random.integer(0, 3); i > 0; i--) {
    const at = random.integer(14, random.chance(0.8) ? Math.min(80, frame.length) - 1 : frame.length - 1);
    frame[at] = random.chance(0.5)
      ? random.pick([0, 1, 4, 6, 17, 44, 51, 58, 0x45, 0x60, 0x20, 0xff])
      : random.integer(0, 255);
  }
  return random.chance(0.05) ? frame.slice(0, random.integer(54, frame.length)) : frame;
}

/** Addresses by their place alone, whatever else the packet is; null: no IP. */
function addressesOf(frame: Uint8Array): { source: string; destination: string } | null {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  const [at, size] = type === 0x0800 ? [26, 4] : type === 0x86dd ? [22, 16] : [0, 0];
  if (size === 0 || frame.length < at + 2 * size) return null;
  const hex = (from: number): string => Buffer.from(frame.subarray(from, from + size)).toString("hex");
  return { source: hex(at), destination: hex(at + size) };
}

/** In hex, by how long an address is. */
const podPrefixes: Readonly<Record<number, string>> = { 8: "0a0000", 32: "fd00000000000000" };
const excluded: Readonly<Record<number, readonly string[]>> = {
  8: ["0a", "c0000201"],
  32: ["fd09", "fd00000000000000", "20010db8000000000000000000000001"],
};
const isMulticast = (hex: string): boolean =>
  hex.length === 8 ? Number.parseInt(hex.slice(0, 2), 16) >= 224 : hex.startsWith("ff");

const count = sized({ short: 4000, long: 60_000 });

test(
  `of ${count} mutated packets none leaves under a pod's address, and none changes that is nobody's`,
  { timeout: 600_000 },
  async () => {
    using net = await Masquerading.create();
    const random = new Random(4);
    const { client } = net.pods;
    const leaving = families.flatMap((family) => seeds(client[family] as string, world[family]));
    const coming = families.flatMap((family) => seeds(world[family], node[family]));
    let translated = 0;
    for (let i = 0; i < count; i++) {
      const out = mutate(random, random.pick(leaving));
      const wasRight = wrongChecksums(out).length === 0;
      const left = net.leaveAny(out, loopback);
      const addresses = left && addressesOf(left);
      if (left && addresses) {
        const { source, destination } = addresses;
        const may =
          excluded[destination.length]?.some((prefix) => destination.startsWith(prefix)) || isMulticast(destination);
        const isPods = source.startsWith(podPrefixes[source.length] ?? "?");
        if (isPods && !may) throw new Error(`leaves as ${source}: ${Buffer.from(out).toString("hex")}`);
        if (wasRight) expect([i, wrongChecksums(left)]).toEqual([i, []]);
        if (Buffer.compare(left, out) !== 0) translated++;
      }
      const back = mutate(random, random.pick(coming));
      const isRight = wrongChecksums(back).length === 0;
      const came = net.arriveAny(back);
      if (came && isRight) expect([i, wrongChecksums(came)]).toEqual([i, []]);
      const to = came && addressesOf(came);
      if (came && to && to.destination === addressesOf(back)?.destination && Buffer.compare(came, back) !== 0)
        throw new Error(`changes: ${Buffer.from(back).toString("hex")}`);
    }
    expect(translated).toBeGreaterThan(count / 10);
  },
);
