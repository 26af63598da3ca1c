import { BpfMap, type MapHandle, u32 } from "libbpf-ts";
import { decodeAddress, decodeMac, encodeAddress, encodeMac } from "./address.ts";
import { KernelBandwidths } from "./kernel-bandwidths.ts";
import type { BandwidthUse, EndpointState, EndpointTable } from "./kernel.ts";
import { filling } from "./map-full-error.ts";
import {
  AddressFamily,
  endpointEntry,
  type EndpointEntry,
  EndpointFlag,
  endpointKey,
  type EndpointKey,
  EndpointNumber,
  interfaceRecord,
  type InterfaceRecord,
} from "./layouts.gen.ts";

/** @param address Whose record it is; null: the interface's. */
export function toEntry(endpoint: EndpointState, address: string | null): EndpointEntry {
  return {
    ...(address === null ? { address: bytesOf(null), family: 0 } : toKey(address)),
    ifindex: endpoint.ifindex,
    id: endpoint.id,
    incarnation: endpoint.incarnation,
    identity: [endpoint.identity[0], endpoint.identity[1]],
    policy: [endpoint.policy[0], endpoint.policy[1]],
    flags:
      (endpoint.viaStack ? EndpointFlag.VIA_STACK : 0) |
      (endpoint.nodeAddresses ? EndpointFlag.HOST : 0) |
      (endpoint.bandwidth ? EndpointFlag.BANDWIDTH : 0) |
      (endpoint.chained ? EndpointFlag.CHAINED : 0),
    mac: encodeMac(endpoint.mac),
    hostMac: encodeMac(endpoint.hostMac),
  };
}

/** The record of a bridge. */
export const bridgeInterface: InterfaceRecord = {
  endpoint: {
    address: bytesOf(null),
    family: 0,
    ifindex: 0,
    id: 0,
    incarnation: 0,
    identity: [0, 0],
    policy: [0, 0],
    flags: 0,
    mac: encodeMac("00:00:00:00:00:00"),
    hostMac: encodeMac("00:00:00:00:00:00"),
  },
  ipv4: bytesOf(null),
  ipv6: bytesOf(null),
  bridge: 0,
};

export function toInterface(endpoint: EndpointState): InterfaceRecord {
  return {
    endpoint: toEntry(endpoint, null),
    ipv4: bytesOf(endpoint.ipv4),
    ipv6: bytesOf(endpoint.ipv6),
    bridge: endpoint.chained?.bridge ?? 0,
  };
}

/** Each has a record: IPv4 first. */
export function addressesOf({
  ipv4,
  ipv6,
  nodeAddresses = [],
}: Pick<EndpointState, "ipv4" | "ipv6" | "nodeAddresses">): string[] {
  return [...[ipv4, ipv6].filter((address) => address !== null), ...nodeAddresses];
}

export function toKey(address: string): EndpointKey {
  const { family, bytes } = encodeAddress(address);
  return { address: { bytes }, family };
}

export function bytesOf(address: string | null): { bytes: Uint8Array } {
  return { bytes: address === null ? new Uint8Array(16) : encodeAddress(address).bytes };
}

/** The maps `endpoints` (by address), `interfaces` (by index) and `bandwidths`. */
export class KernelEndpoints implements EndpointTable {
  readonly #endpoints: BpfMap<EndpointKey, EndpointEntry>;
  readonly #interfaces: BpfMap<number, InterfaceRecord>;

  readonly #bandwidths: KernelBandwidths;

  constructor(endpoints: MapHandle, interfaces: MapHandle, bandwidths: MapHandle) {
    this.#endpoints = new BpfMap(endpoints, endpointKey, endpointEntry);
    this.#interfaces = new BpfMap(interfaces, u32, interfaceRecord);
    this.#bandwidths = new KernelBandwidths(bandwidths);
  }

  /**
   * Endpoints whose records are whole and agree. One that lacks a record is given with
   * slot 0 under both parities, so that it differs from whatever it should be.
   */
  read(): Map<number, EndpointState> {
    const byAddress = new Map([...this.#endpoints.entries()].map(([key, entry]) => [addressOf(key), entry]));
    const states = new Map<number, EndpointState>();
    for (const [, { endpoint, ipv4, ipv6, bridge }] of this.#interfaces.entries()) {
      if (endpoint.id === 0) continue;
      const state = this.#toState(
        endpoint,
        decodeAddress(AddressFamily.IPV4, ipv4.bytes),
        decodeAddress(AddressFamily.IPV6, ipv6.bytes),
        bridge,
      );
      const whole = [state.ipv4, state.ipv6].every((address) => {
        if (address === null) return true;
        const entry = byAddress.get(address);
        byAddress.delete(address);
        return (
          entry !== undefined &&
          JSON.stringify(this.#toState(entry, state.ipv4, state.ipv6, bridge)) === JSON.stringify(state)
        );
      });
      states.set(state.id, whole ? state : { ...state, policy: [0, 0] });
    }
    const ofNode = [...byAddress].filter(([, { flags }]) => flags & EndpointFlag.HOST);
    if (ofNode.length > 0) states.set(EndpointNumber.HOST, toNode(ofNode));
    for (const [address, entry] of byAddress) {
      if (states.has(entry.id)) continue;
      const isIpv6 = address.includes(":");
      states.set(entry.id, {
        ...this.#toState(entry, isIpv6 ? null : address, isIpv6 ? address : null),
        policy: [0, 0],
      });
    }
    return states;
  }

  /** With the limits that it has, where its flags say so. */
  #toState(entry: EndpointEntry, ipv4: string | null, ipv6: string | null, bridge = 0): EndpointState {
    const state = toState(entry, ipv4, ipv6, bridge);
    return entry.flags & EndpointFlag.BANDWIDTH ? { ...state, bandwidth: this.#bandwidths.read(entry.id) } : state;
  }

  write(endpoint: EndpointState): void {
    if (endpoint.bandwidth) this.#bandwidths.write(endpoint.id, endpoint.bandwidth);
    for (const address of addressesOf(endpoint)) {
      filling("endpoints", this.#endpoints.handle.info.maxEntries, () =>
        this.#endpoints.set(toKey(address), toEntry(endpoint, address)),
      );
    }
    if (endpoint.nodeAddresses) return;
    filling("interfaces", this.#interfaces.handle.info.maxEntries, () =>
      this.#interfaces.set(endpoint.ifindex, toInterface(endpoint)),
    );
    if (endpoint.chained) this.#setBridges();
    this.#bandwidths.retain(endpoint.id, endpoint.bandwidth);
  }

  remove(endpoint: EndpointState): void {
    const there = endpoint.nodeAddresses ? undefined : this.#interfaces.get(endpoint.ifindex);
    if (there?.endpoint.incarnation === endpoint.incarnation) this.#interfaces.delete(endpoint.ifindex);
    for (const address of addressesOf(endpoint)) {
      const key = toKey(address);
      if (this.#endpoints.get(key)?.incarnation === endpoint.incarnation) this.#endpoints.delete(key);
    }
    this.#bandwidths.retain(endpoint.id, undefined);
    if (endpoint.chained) this.#setBridges();
  }

  /** Gives all bridges of chained endpoints a record, and no others. */
  #setBridges(): void {
    const records = [...this.#interfaces.entries()];
    const there = new Set(records.filter(([, { endpoint }]) => endpoint.id === 0).map(([index]) => index));
    for (const bridge of new Set(records.map(([, record]) => record.bridge))) {
      if (bridge === 0 || there.delete(bridge)) continue;
      filling("interfaces", this.#interfaces.handle.info.maxEntries, () =>
        this.#interfaces.set(bridge, bridgeInterface),
      );
    }
    for (const index of there) this.#interfaces.delete(index);
  }

  removeAllBut(incarnations: ReadonlySet<number>): void {
    // Read to the end first: what is deleted meanwhile makes the kernel begin anew.
    const isOld = ({ incarnation, flags }: EndpointEntry) =>
      (flags & EndpointFlag.HOST) === 0 && !incarnations.has(incarnation);
    const interfaces = [...this.#interfaces.entries()].filter(
      ([, { endpoint }]) => endpoint.id !== 0 && isOld(endpoint),
    );
    const addresses = [...this.#endpoints.entries()].filter(([, entry]) => isOld(entry));
    for (const [ifindex] of interfaces) this.#interfaces.delete(ifindex);
    for (const [key] of addresses) this.#endpoints.delete(key);
    this.#setBridges();
  }

  bandwidths(): BandwidthUse[] {
    return this.#bandwidths.list();
  }
}

function addressOf(key: EndpointKey): string {
  return decodeAddress(key.family, key.address.bytes) ?? "0.0.0.0";
}

/** The node, of its records; a slot that they do not agree on is 0, which none has. */
function toNode(records: readonly (readonly [string, EndpointEntry])[]): EndpointState {
  const entries = records.map(([, entry]) => entry);
  const slot = (side: 0 | 1): number => {
    const [first, ...rest] = new Set(entries.map(({ policy }) => policy[side]));
    return first === undefined || rest.length > 0 ? 0 : first;
  };
  const addresses = records.map(([address]) => address).sort();
  const state = toState(entries[0] as EndpointEntry, null, null);
  return { ...state, policy: [slot(0), slot(1)], nodeAddresses: addresses };
}

/** @param bridge Of a chained endpoint, as its interface's record has it. */
function toState(entry: EndpointEntry, ipv4: string | null, ipv6: string | null, bridge = 0): EndpointState {
  return {
    id: entry.id,
    incarnation: entry.incarnation,
    identity: [entry.identity[0], entry.identity[1]],
    policy: [entry.policy[0], entry.policy[1]],
    ifindex: entry.ifindex,
    mac: decodeMac(entry.mac),
    hostMac: decodeMac(entry.hostMac),
    ipv4,
    ipv6,
    viaStack: (entry.flags & EndpointFlag.VIA_STACK) !== 0,
    ...(entry.flags & EndpointFlag.CHAINED && { chained: { bridge: bridge || null } }),
  };
}
