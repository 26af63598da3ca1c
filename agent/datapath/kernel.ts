/**
 * What the rest of the agent wants of the kernel, in its own words: slots, identities,
 * addresses as text, ports in host order. {@link openKernel} in `open-kernel.ts` makes
 * it real; unit tests have one in memory.
 */
import type { AttachedProgram } from "bpf-loader";

export type { AttachedProgram } from "bpf-loader";
import type { CaptureTable } from "./kernel-captures.ts";
import type { Lookups } from "./kernel-lookups.ts";
import type { Familiar, Rehearsal } from "./kernel-rehearsal.ts";
import type { BoundedMap } from "./map-full-error.ts";
import type { ConntrackEntry, CounterKey, CounterValue, NatEntry } from "./layouts.gen.ts";

export type SlotVerdict = "allow" | "deny" | "redirect" | "pass";

/** What an entry says. */
export interface SlotDecision {
  readonly verdict: SlotVerdict;
  readonly precedence: number;
  /** Of a redirect: a rule of its tier allows the same without the proxy. */
  readonly isPlain: boolean;
  /** Of a redirect: new connections pass as long as the proxy does not work. */
  readonly failsOpen: boolean;
  /** Rule reference; 0: no rule. */
  readonly rule: number;
  /** Rule reference of the one rule whose limit counts; 0: none. See {@link LimitTable}. */
  readonly limit: number;
  /** Boot time, ns, from when on it does not hold; 0: it always does. */
  readonly notAfter: bigint;
}

/** How much passes by a rule; 0: no bound. */
export interface LimitBounds {
  /** New connections a second. */
  readonly rate: number;
  /** Connections at one time. */
  readonly connections: number;
}

/** What limited rules let through, by rule reference. */
export interface LimitTable {
  /** Before an entry names it. What is open stays counted. */
  write(reference: number, bounds: LimitBounds): void;
  /** Says how many connections there are of each; those that are not named have none. */
  recount(open: ReadonlyMap<number, number>): void;
  /** Forgets all but these. */
  retain(inUse: ReadonlySet<number>): void;
  read(): Map<number, LimitBounds & { readonly open: number }>;
}

/** How often rules were the reason of a judgement that was told of, by rule reference. */
export interface HitTable {
  read(): Map<number, { readonly packets: bigint; readonly bytes: bigint }>;
  /** Forgets all but these. */
  retain(inUse: ReadonlySet<number>): void;
}

/** One entry of a policy slot as the kernel holds it. */
export interface SlotEntry extends SlotDecision {
  readonly peer: number;
  readonly direction: "ingress" | "egress";
  /** IP protocol number; 0: any. */
  readonly protocol: number;
  /** Host order; only the leading `portBits` count. */
  readonly port: number;
  readonly portBits: number;
  /** What counts where the highest precedence of all look-ups passes; null: nothing. */
  readonly below: SlotDecision | null;
}

/** The policy slots. Numbers are the caller's; a slot's content changes only by {@link add} and {@link remove}. */
export interface PolicySlots {
  /** All slots with their entries, as the kernel holds them. */
  read(): Map<number, SlotEntry[]>;
  /** Makes new slots; none of them is in use yet. Resolves when packets would find them. */
  insert(slots: ReadonlyMap<number, readonly SlotEntry[]>): Promise<void>;
  /** Removes slots that no endpoint record names any more, after an RCU grace period. */
  delete(slots: readonly number[]): Promise<void>;
  /** Adds to a live slot: denials first. */
  add(slot: number, entries: readonly SlotEntry[]): void;
  /** Removes from a live slot: allows first. */
  remove(slot: number, entries: readonly SlotEntry[]): void;
  /** How many slots there may be. */
  readonly slotsMax: number;
  /** How many entries fit into a slot that is made now. */
  readonly capacity: number;
  /** How many fit into this one, which an earlier life may have made with another capacity. */
  capacityOf(slot: number): number;
  /** Resolves when every packet that was in a program at the call has left it. */
  barrier(): Promise<void>;
}

/** How much may pass one way. */
export interface BandwidthLimit {
  /** Bytes a second; not 0. */
  readonly rate: number;
  /** ns of the rate that may pass at once after a rest. */
  readonly burst: number;
}

/** Null: no limit. */
export interface EndpointBandwidth {
  readonly egress: BandwidthLimit | null;
  readonly ingress: BandwidthLimit | null;
}

/** A limit in force, and what it has dropped. */
export interface BandwidthUse extends BandwidthLimit {
  readonly endpoint: number;
  readonly direction: "egress" | "ingress";
  readonly droppedPackets: bigint;
  /** With the headers that every segment has on the wire. */
  readonly droppedBytes: bigint;
}

/** What the datapath knows of one local endpoint. */
export interface EndpointState {
  readonly id: number;
  readonly incarnation: number;
  /** By the parity of the generation. */
  readonly identity: readonly [number, number];
  /** Policy slot, by the parity of the generation. */
  readonly policy: readonly [number, number];
  readonly ifindex: number;
  /** `aa:bb:cc:dd:ee:ff` of the pod's side and of the host's. */
  readonly mac: string;
  readonly hostMac: string;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** Every packet goes by the host's stack, where other NAT stands. */
  readonly viaStack: boolean;
  /** Its veth is another CNI plugin's, with `bridge` the index of the bridge that it is a port of. Then it is {@link viaStack}, too. */
  readonly chained?: { readonly bridge: number | null };
  /** Of the node itself: all its addresses. It has none of the two above, no interface, and 0 as its incarnation. */
  readonly nodeAddresses?: readonly string[];
  /** Missing: nothing limits it. */
  readonly bandwidth?: EndpointBandwidth;
}

export interface EndpointTable {
  /** The endpoints as the kernel holds them, by endpoint number. */
  read(): Map<number, EndpointState>;
  /** Writes all records of an endpoint: new limits first, its addresses, its interface; limits that are over go last. */
  write(endpoint: EndpointState): void;
  /** Removes all records: the interface first, limits last. Idempotent. */
  remove(endpoint: EndpointState): void;
  /** Removes the records of all incarnations of pods but these: {@link read} gives one endpoint for a number, whole or not. */
  removeAllBut(incarnations: ReadonlySet<number>): void;
  /** All limits of bandwidth. */
  bandwidths(): BandwidthUse[];
}

/** One prefix of the ipcache. */
export interface IpcacheState {
  /** Canonical text, `10.0.0.7/32`. */
  readonly prefix: string;
  readonly identity: number;
  readonly addressClass: number;
}

export interface IpcacheTable {
  /** How many prefixes fit. */
  readonly capacity: number;
  read(): IpcacheState[];
  write(entries: readonly IpcacheState[]): void;
  remove(prefixes: readonly string[]): void;
}

/** Entries of a map as bytes: `count` keys and values, one after the other. */
export interface MapImage {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

/** The maps as they are, past all that this process remembers of them. */
export interface MapImages {
  generation(): bigint;
  endpoints(): MapImage;
  interfaces(): MapImage;
  ipcache(): MapImage;
  limits(): MapImage;
  bandwidths(): MapImage;
  /** The slots that the outer map names. */
  slots(): number[];
  /** What a packet would find in a slot; undefined: the outer map does not name it. */
  slot(slot: number): MapImage | undefined;
}

/** The words that programs read before anything else. */
export interface Control {
  generation(): bigint;
  /** One store: the next generation is in force. */
  advanceGeneration(): bigint;
  /** Makes verdicts that depend on the prefix void: one bucket for a host route, all for a shorter one. */
  raiseEpoch(prefix: string): void;
}

export interface Connection {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly entry: ConntrackEntry;
}

export interface SweptConnections {
  readonly live: number;
  readonly removed: number;
  /** Connections that have a place of a limit, by its reference. */
  readonly limited: ReadonlyMap<number, number>;
}

export interface ConnectionTable {
  /** All of them, some at a time; lets others work meanwhile. */
  all(): AsyncIterable<readonly Connection[]>;
  /** Open TCP connections that no packet has judged in this policy generation; lets others work meanwhile. */
  unjudged(generation: bigint): AsyncIterable<Connection>;
  /**
   * Removes entries that have timed out at `now` (boot time, ns); lets others work meanwhile.
   *
   * @param ended is called with each.
   */
  sweep(now: bigint, ended?: (connection: Connection) => void): Promise<SweptConnections>;
  /** Removes all entries of some addresses; lets others work meanwhile. Says how many. */
  removeAddresses(addresses: readonly string[]): Promise<number>;
  /** Removes what is asked for; lets others work meanwhile. Says how many entries. */
  removeWhere(isGone: (connection: Connection) => boolean): Promise<number>;
}

/** What the first fragments of datagrams said. */
export interface FragmentTable {
  /** Removes what nobody waits for any more at `now` (boot time, ns); says how many. */
  sweep(now: bigint): Promise<number>;
}

/** A flow that goes under an address of the node's; for ICMP echo the identifier is the port, and the remote has none. */
export interface NatMapping {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly owner: string;
  readonly ownerPort: number;
  /** The node's. */
  readonly address: string;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly entry: NatEntry;
}

export interface NatCounts {
  /** Mappings made, since load. */
  readonly allocated: number;
  /** Ports that were tried for them and taken. */
  readonly retries: number;
  /** Packets dropped because no port was found. */
  readonly exhausted: number;
}

export interface NatTable {
  /** All of them, some at a time; lets others work meanwhile. */
  all(): AsyncIterable<readonly NatMapping[]>;
  /** Removes what has timed out at `now` (boot time, ns); lets others work meanwhile. Says how many entries. */
  sweep(now: bigint): Promise<number>;
  /** Removes all mappings of owners, or of node's addresses; lets others work meanwhile. Says how many entries. */
  removeAddresses(addresses: readonly string[]): Promise<number>;
  /** Removes what is asked for; lets others work meanwhile. Says how many entries. */
  removeWhere(isGone: (mapping: NatMapping) => boolean): Promise<number>;
  counts(): NatCounts;
}

/** What an address range means to masquerade. */
export interface MasqueradeFlags {
  /** As a destination: pods reach it under their own addresses. */
  readonly excluded: boolean;
  /** As a source: of pods of this node. */
  readonly pods: boolean;
  /** The node's, under which it masquerades. */
  readonly node: boolean;
}

/** Which addresses a device's packets go under. */
export interface MasqueradeAddresses {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

export interface MasqueradeTable {
  /** By range; the longest one of an address has all that counts. */
  ranges(): Map<string, MasqueradeFlags>;
  writeRanges(ranges: ReadonlyMap<string, MasqueradeFlags>): void;
  removeRanges(prefixes: readonly string[]): void;
  /** Those of these devices, by index, and of no others. */
  setDevices(devices: ReadonlyMap<number, MasqueradeAddresses>): void;
}

/** Programs on interfaces. */
export interface Hooks {
  /** Attaches both programs, at once. Idempotent. */
  attach(ifindex: number, name: string): void;
  /** Whether an interface's programs stand where they shall stay. */
  isSettled(name: string): boolean;
  /** Moves them there. Takes tens of milliseconds in which network devices cannot change. */
  settle(ifindex: number, name: string): Promise<void>;
  /** Idempotent. */
  detach(name: string): void;
  /** What is wrong with the hooks of an interface, in sentences. */
  check(ifindex: number, name: string): string[];
  /** Interfaces that have hooks. */
  list(): string[];
  /** Whether hooks are on this very interface, and not on an earlier one of its name. */
  holds(ifindex: number, name: string): boolean;
}

/** A program on the node's own devices, before tc. */
export interface EarlyHooks {
  /** Idempotent. False: the device does not let it. */
  attach(ifindex: number, name: string): boolean;
  /** Idempotent. */
  detach(name: string): void;
  /** Devices that have it. */
  list(): string[];
  /** Whether tc asks the prefilter, too. */
  setTc(on: boolean): void;
}

/** Prefixes that the node's devices take nothing from. */
export interface PrefilterTable {
  /** How many fit. */
  readonly capacity: number;
  read(): string[];
  add(prefixes: readonly string[]): void;
  remove(prefixes: readonly string[]): void;
}

export interface MapFill {
  readonly name: BoundedMap;
  readonly entries: number;
  readonly capacity: number;
}

export interface Kernel extends Disposable {
  readonly policies: PolicySlots;
  readonly endpoints: EndpointTable;
  readonly ipcache: IpcacheTable;
  readonly control: Control;
  readonly limits: LimitTable;
  readonly hits: HitTable;
  readonly images: MapImages;
  readonly captures: CaptureTable;
  readonly lookups: Lookups;
  /** Programs for a packet that exists nowhere else. */
  rehearse(familiar: Familiar): Rehearsal;
  readonly connections: ConnectionTable;
  readonly fragments: FragmentTable;
  readonly nat: NatTable;
  readonly masquerade: MasqueradeTable;
  /** All programs of ours, where they stand. */
  places(): AttachedProgram[];
  /** On the host sides of pods. */
  readonly hooks: Hooks;
  /** On the host sides of pods whose veths are other CNI plugins'. */
  readonly chainedHooks: Hooks;
  /** On the node's own devices. */
  readonly deviceHooks: Hooks;
  readonly earlyHooks: EarlyHooks;
  readonly prefilter: PrefilterTable;
  /** How programs are attached: `tcx`, or `clsact` before Linux 6.6. */
  readonly attachMode: "tcx" | "clsact";
  /** Names the loaded programs by their content. */
  readonly programs: string;
  /**
   * Batches of events as they come, never empty, until the signal.
   *
   * @param decode of an `event` at an offset, whose bytes are valid during the call only.
   */
  events<T>(decode: (view: DataView, offset: number) => T, signal: AbortSignal): AsyncIterable<readonly T[]>;
  /** Events that found the ring full, since load. */
  eventsLost(): bigint;
  /** When, by the clock since boot in nanoseconds, a proxy has last shown the datapath that it works; 0: none serves. */
  proxySeen(): bigint;
  /** New connections that have passed without the proxy, because it did not work and their rules let them, since load. */
  proxyBypassed(): number;
  /** TCP senders that were told by a RST that policy has cut their connection, since load. */
  resets(): bigint;
  /** Packets by hook, with reason 0 those that passed, and drops by their place in the source. */
  counters(): { key: CounterKey; value: CounterValue }[];
  /** Of the maps that can be full; lets others work meanwhile. */
  fill(): Promise<readonly MapFill[]>;
  /** Unpins programs of earlier versions, once no interface has them any more. */
  forgetOldPrograms(): void;
  /** Nanoseconds of CLOCK_BOOTTIME. */
  now(): bigint;
}
