import { join } from "node:path";
import { loadCopy, type ProgramCopy } from "bpf-loader";
import { BpfMap, bytes, type MapHandle, PerCpuMap, type Program, RingBuffer } from "libbpf-ts";
import { decodeAddress } from "./address.ts";
import { sum } from "./kernel-hits.ts";
import { lookup } from "./kernel-lookups.ts";
import {
  conntrackEntry,
  type ConntrackEntry,
  type CounterKey,
  counterKey,
  counterValue,
  Direction,
  eventRecord,
  type EventRecord,
  natEntry,
  type NatEntry,
  NatSide,
} from "./layouts.gen.ts";
import { connectionKey, type MapKey, mappingKey, reverse, type Tuple } from "./tuple.ts";

/** The programs, by the file that has them. */
const objectOf = {
  pod_egress: "pod.bpf.o",
  pod_ingress: "pod.bpf.o",
  chained_egress: "chained.bpf.o",
  chained_ingress: "chained.bpf.o",
  from_netdev: "host.bpf.o",
  to_netdev: "host.bpf.o",
  xdp_prefilter: "xdp.bpf.o",
} as const;
export type ProgramName = keyof typeof objectOf;

/** What programs only read: of these a rehearsal uses the real ones. All others it has to itself. */
export const readOnlyMaps = [
  "control",
  "endpoints",
  "interfaces",
  "ipcache",
  "policy",
  "masquerade_ranges",
  "masquerade_devices",
  "prefilter",
  "proxy",
] as const;

/** Where a packet is. */
export interface PacketPlace {
  readonly ifindex: number;
  /** The device that it came to the node by; 0: it is the node's own. */
  readonly ingressIfindex: number;
}

export interface RehearsedRun {
  /** What the program returned. */
  readonly action: number;
  readonly frame: Uint8Array;
  readonly events: readonly EventRecord[];
  /** The place that dropped it, where one did. */
  readonly drop: CounterKey | undefined;
}

/**
 * The programs, instruction by instruction those that are attached, over the real maps of policy and addresses, with tables of their
 * own for all that they write: connections, mappings, limits, budgets, counters, events. So a packet that runs through them has the
 * fate that a real one would have, and no real one learns of it. It lives as long as one packet does.
 */
export interface Rehearsal extends Disposable {
  /** Before anything else is asked of the program. Takes some 50 ms of a worker thread. Idempotent. */
  load(program: ProgramName): Promise<void>;
  /** Hash of a program's instructions: equal to that of the attached one where both are the same. */
  tag(program: ProgramName): string;
  /** Runs one packet (BPF_PROG_TEST_RUN). Nothing is sent, whatever the program says. */
  run(program: ProgramName, frame: Uint8Array, place: PacketPlace): RehearsedRun;
  /** What is kept of the packet's connection now. */
  connection(packet: Tuple): ConntrackEntry | undefined;
  /** As whom a packet goes by a device of the node, where a mapping says so. */
  mapping(packet: Tuple): NatEntry | undefined;
}

/** What the tables of a rehearsal know at its beginning, of what the node knows. */
export interface Familiar {
  /** Of its connection, and of its mapping to an address of the node. */
  readonly packet: Tuple;
  /** Rule references of limits: how much of each is used up. */
  readonly limits: readonly number[];
  /** Numbers of endpoints: what they have left of budgets and bandwidth. */
  readonly endpoints: readonly number[];
}

export interface RehearsalOptions {
  readonly objectFolder: string;
  readonly readOnlyData: Uint8Array;
  /** A real map by its name; the handle stays the caller's. */
  readonly map: (name: string) => MapHandle;
}

export class KernelRehearsal implements Rehearsal {
  readonly #options: RehearsalOptions;
  readonly #stack = new DisposableStack();
  readonly #copies = new Map<ProgramName, ProgramCopy>();
  /** All maps of the programs by now, the real ones and our own. */
  readonly #maps = new Map<string, MapHandle>();
  readonly #familiar: readonly MapKey[];
  #dropped = new Map<string, bigint>();

  constructor(options: RehearsalOptions, familiar: Familiar) {
    this.#options = options;
    this.#familiar = familiarKeys(options.map, familiar);
    for (const name of readOnlyMaps) this.#maps.set(name, options.map(name));
  }

  async load(program: ProgramName): Promise<void> {
    if (this.#copies.has(program)) return;
    const { objectFolder, readOnlyData } = this.#options;
    const objectPath = join(objectFolder, objectOf[program]);
    const copy = this.#stack.use(await loadCopy({ objectPath, readOnlyData, program, maps: this.#maps }));
    this.#copies.set(program, copy);
    for (const [map, handle] of copy.maps) this.#maps.set(map, handle);
    for (const at of this.#familiar) if (copy.maps.has(at.map)) this.#mirror(at);
  }

  tag(program: ProgramName): string {
    return this.#program(program).info.tag;
  }

  run(program: ProgramName, frame: Uint8Array, place: PacketPlace): RehearsedRun {
    const loaded = this.#program(program);
    const context = program === "xdp_prefilter" ? null : place;
    const { returnValue, data } = loaded.testRun({ data: frame, context });
    return { action: returnValue, frame: data, events: this.#events(), drop: this.#newDrop() };
  }

  connection(packet: Tuple): ConntrackEntry | undefined {
    return lookup(this.#map, connectionKey(packet), conntrackEntry);
  }

  mapping(packet: Tuple): NatEntry | undefined {
    return lookup(this.#map, mappingKey(packet, NatSide.OUT), natEntry);
  }

  readonly #map = (name: string): MapHandle => {
    const handle = this.#maps.get(name);
    if (!handle) throw new Error(`rehearse: no program that is loaded has a map ${name}`);
    return handle;
  };

  #program(name: ProgramName): Program {
    const copy = this.#copies.get(name);
    if (!copy) throw new Error(`rehearse: ${name} is not loaded`);
    return copy.program;
  }

  /** Gives our own table what the real one has under a key. */
  #mirror(at: MapKey): void {
    const own = this.#map(at.map);
    const value = bytes(own.info.valueSize);
    const entry = lookup(this.#options.map, at, value);
    if (entry) new BpfMap(own, bytes(at.key.length), value).set(at.key, entry);
  }

  #events(): EventRecord[] {
    // XDP's program has no ring: it only counts.
    const events = this.#maps.get("events");
    if (!events) return [];
    using ring = new RingBuffer(events);
    return ring.drain((view, offset) => eventRecord.decode(view, offset));
  }

  /** The counter that has risen since the last run. */
  #newDrop(): CounterKey | undefined {
    const before = this.#dropped;
    this.#dropped = new Map();
    let drop: CounterKey | undefined;
    for (const [key, values] of new PerCpuMap(this.#map("counters"), counterKey, counterValue).entries()) {
      const name = JSON.stringify(key);
      const { packets } = sum(values);
      this.#dropped.set(name, packets);
      if (packets > (before.get(name) ?? 0n)) drop = key;
    }
    return drop;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** `BUDGET_OF_RECEIVER` in `bpf/lib/budget.h`. */
const BUDGET_OF_RECEIVER = 1 << 31;

/** Where all that stands; some of it may not be there. */
function familiarKeys(map: RehearsalOptions["map"], { packet, limits, endpoints }: Familiar): MapKey[] {
  const mappings = [packet, reverse(packet)].flatMap((own) =>
    [NatSide.OUT, NatSide.IN].flatMap((side) => mappingKeys(map, own, side)),
  );
  return [
    connectionKey(packet),
    ...mappings,
    ...limits.map((reference) => ({ map: "limits", key: words(reference) })),
    ...endpoints.flatMap((id) => [
      { map: "budgets", key: words(id) },
      { map: "budgets", key: words((id | BUDGET_OF_RECEIVER) >>> 0) },
      { map: "bandwidths", key: words(id, Direction.INGRESS) },
      { map: "bandwidths", key: words(id, Direction.EGRESS) },
    ]),
  ];
}

/** Both halves of a mapping, for one without the other is not believed, and the connection that it is of. */
function mappingKeys(map: RehearsalOptions["map"], own: Tuple, side: NatSide): MapKey[] {
  const at = mappingKey(own, side);
  const half = lookup(map, at, natEntry);
  if (!half) return [];
  const source = decodeAddress(own.family === 4 ? 1 : 2, half.address.bytes) ?? own.source;
  const other = { ...own, source, sourcePort: half.port };
  return [at, mappingKey(other, side === NatSide.OUT ? NatSide.IN : NatSide.OUT), connectionKey(other)];
}

function words(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}
