import { randomBytes } from "node:crypto";
import { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { withNetns } from "#agent/net/netns.ts";
import type { DatapathConfig } from "#agent/datapath/layouts.gen.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { fillChecksum, wrongChecksums } from "./checksums.ts";
import { Action, loopback, type Outcome } from "./datapath.ts";
import { decodePacket } from "./decode-packet.ts";
import { buildPacket, type PacketSpec, type Transport } from "./packet.ts";
import { reasonOf, TwoPods } from "./two-pods.ts";

const macs = { sourceMac: "02:00:00:00:00:77", destinationMac: "02:00:00:00:00:78" } as const;

export type Ip = Omit<PacketSpec, keyof typeof macs>;
export type FamilyName = "ipv4" | "ipv6";
export const families = ["ipv4", "ipv6"] as const;

/** The node's addresses, under which pods are seen; a server in the world, and another. */
export const node = { ipv4: "192.0.2.1", ipv6: "2001:db8::1" } as const;
export const world = { ipv4: "198.51.100.7", ipv6: "2001:db8:f::7" } as const;
export const elsewhere = { ipv4: "198.51.100.8", ipv6: "2001:db8:f::8" } as const;
/** Excluded. */
export const office = { ipv4: "10.9.0.1", ipv6: "fd09::1" } as const;

/** What became of a packet: dropped with a reason, or as what it went on. */
export type Passed = { readonly drop: number } | Seen;

/** A packet as one reads it on the wire. Ports: of an echo the identifier, twice. */
export interface Seen {
  readonly from: string;
  readonly to: string;
  readonly sport: number;
  readonly dport: number;
}

const flags = { excluded: false, pods: false, node: false };

/** Two pods on a node that masquerades on the device of test runs, in a network namespace that has nothing else. */
export class Masquerading implements Disposable {
  readonly pods: TwoPods;
  readonly namespace: NetworkNamespace;
  readonly #stack: DisposableStack;

  private constructor(namespace: NetworkNamespace, pods: TwoPods, stack: DisposableStack) {
    this.namespace = namespace;
    this.pods = pods;
    this.#stack = stack;
  }

  static async create(config: Partial<DatapathConfig> = {}, natEntries = 16_384): Promise<Masquerading> {
    using stack = new DisposableStack();
    const pods = stack.use(await TwoPods.with("", { config: { masquerade: 1, ...config }, natEntries }));
    const namespace = stack.use(NetworkNamespace.create(`weir-nat-${randomBytes(4).toString("hex")}`));
    pods.enforcement.setNodeAddresses([node.ipv4, node.ipv6]);
    const { masquerade } = pods.datapath.kernel;
    masquerade.writeRanges(
      new Map([
        ["10.0.0.0/8", { ...flags, excluded: true }],
        ["fd09::/16", { ...flags, excluded: true }],
        ["10.0.0.0/24", { ...flags, excluded: true, pods: true }],
        ["fd00::/64", { ...flags, excluded: true, pods: true }],
        [`${node.ipv4}/32`, { ...flags, excluded: true, node: true }],
        [`${node.ipv6}/128`, { ...flags, excluded: true, node: true }],
      ]),
    );
    masquerade.setDevices(new Map([[loopback, node]]));
    return new Masquerading(namespace, pods, stack.move());
  }

  /** A pod's packet leaves by the device; its checksum is filled unless `raw`. */
  leave(from: GuardedEndpoint, ip: Omit<Ip, "source">, family: FamilyName = "ipv4"): Passed {
    return this.leaveAs({ ...ip, source: from[family] as string }, loopback);
  }

  /** A packet leaves by the device that came by the one with the index; 0: the node's own. */
  leaveAs(ip: Ip, ingressIfindex: number): Passed {
    return this.leaveFrame(fillChecksum(buildPacket({ ...macs, ...ip })), ingressIfindex);
  }

  leaveFrame(frame: Uint8Array, ingressIfindex: number): Passed {
    return read(this.#inside(() => this.pods.datapath.leave(frame, { ingressIfindex })));
  }

  /** A packet of the world comes in by the device. */
  arrive(ip: Ip): Passed {
    return this.arriveFrame(fillChecksum(buildPacket({ ...macs, ...ip })));
  }

  arriveFrame(frame: Uint8Array): Passed {
    return read(this.#inside(() => this.pods.datapath.arrive(frame)));
  }

  /** As {@link leaveFrame}, and what came out. */
  leaveRaw(frame: Uint8Array, ingressIfindex: number): Uint8Array {
    return this.#inside(() => this.pods.datapath.leave(frame, { ingressIfindex })).packet;
  }

  arriveRaw(frame: Uint8Array): Uint8Array {
    return this.#inside(() => this.pods.datapath.arrive(frame)).packet;
  }

  /** As {@link leaveRaw}; null: dropped. */
  leaveAny(frame: Uint8Array, ingressIfindex: number): Uint8Array | null {
    const { action, packet } = this.#inside(() => this.pods.datapath.leave(frame, { ingressIfindex }));
    return action === Action.drop ? null : packet;
  }

  /** As {@link arriveRaw}; null: dropped. */
  arriveAny(frame: Uint8Array): Uint8Array | null {
    const { action, packet } = this.#inside(() => this.pods.datapath.arrive(frame));
    return action === Action.drop ? null : packet;
  }

  #inside(run: () => Outcome): Outcome {
    return withNetns(this.namespace.path, run as () => never);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

export function frameOf(ip: Ip): Uint8Array {
  return buildPacket({ ...macs, ...ip });
}

/** @throws Error when a checksum of what went on is wrong. */
function read(outcome: Outcome): Passed {
  if (outcome.action === 2) return { drop: reasonOf(outcome) ?? 0 };
  const wrong = wrongChecksums(outcome.packet);
  if (wrong.length > 0) throw new Error(`wrong checksums: ${wrong.join()}`);
  return seen(outcome.packet);
}

export function seen(frame: Uint8Array): Seen {
  const decoded = decodePacket(frame);
  if (!decoded) throw new Error("read packet: it is none");
  const { payload, protocol, source, destination } = decoded;
  const word = (at: number): number => ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
  const isIcmp = protocol === 1 || protocol === 58;
  const isPorts = [6, 17, 132].includes(protocol);
  return {
    from: addressText(source),
    to: addressText(destination),
    sport: isIcmp ? word(4) : isPorts ? word(0) : 0,
    dport: isIcmp ? word(4) : isPorts ? word(2) : 0,
  };
}

/** From hex; IPv6 as the constants above write it. */
export function addressText(hex: string): string {
  if (hex.length === 8) return [0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(".");
  const groups = hex.match(/.{4}/g)?.map((group) => Number.parseInt(group, 16).toString(16)) ?? [];
  return groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
}

export const tcp = (sport: number, dport: number, ...tcpFlags: ("SYN" | "ACK" | "FIN" | "RST")[]): Transport => {
  return { kind: "tcp", sport, dport, flags: tcpFlags.length > 0 ? tcpFlags : ["SYN"] };
};
export const udp = (sport: number, dport: number): Transport => ({ kind: "udp", sport, dport });

/** An echo of a family. */
export const echo = (family: FamilyName, what: "request" | "reply", id: number): Transport => {
  const types = { ipv4: { request: 8, reply: 0 }, ipv6: { request: 128, reply: 129 } };
  return { kind: "icmp", type: types[family][what], id };
};
