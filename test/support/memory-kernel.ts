import {
  bandwidthsImage,
  endpointsImage,
  interfacesImage,
  ipcacheImage,
  limitsImage,
  slotImage,
} from "#agent/datapath/encode.ts";
import { addressesOf } from "#agent/datapath/kernel-endpoints.ts";
import type {
  Control,
  EndpointState,
  EndpointTable,
  HitTable,
  Hooks,
  IpcacheState,
  IpcacheTable,
  Kernel,
  LimitBounds,
  LimitTable,
  MapImages,
  PolicySlots,
  SlotDecision,
  SlotEntry,
  SlotVerdict,
} from "#agent/datapath/kernel.ts";
import { type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";

export interface Probe {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly port: number;
}

export interface Judgement {
  readonly verdict: SlotVerdict;
  readonly rules: readonly number[];
}

const world: IpcacheState = { prefix: "0.0.0.0/0", identity: 2, addressClass: 0 };

const noHooks: Hooks = {
  attach: () => {},
  isSettled: () => true,
  settle: async () => {},
  detach: () => {},
  check: () => [],
  list: () => [],
  holds: () => false,
};

/**
 * A kernel in memory: the maps, and the look-ups of `bpf/lib/judge.h` said in TypeScript.
 * `onWrite` runs after every single write, which is when a packet may come by.
 */
export class MemoryKernel implements Kernel {
  onWrite: (what: string) => void = () => {};
  readonly attachMode = "tcx";
  readonly programs = "memory";
  readonly writes: string[] = [];
  readonly #slots = new Map<number, Map<string, SlotEntry>>();
  readonly #endpoints = new Map<number, EndpointState>();
  readonly #ipcache = new Map<string, IpcacheState & { cidr: Cidr }>();
  readonly #limits = new Map<number, LimitBounds>();
  readonly #capacity: number;
  #generation = 0n;

  constructor(capacity = 16384) {
    this.#capacity = capacity;
    Object.defineProperty(this.ipcache, "capacity", { get: () => this.ipcacheCapacity });
  }

  readonly captures: Kernel["captures"] = { order() {}, stop() {}, async *read() {}, lost: () => 0n };
  /** It has no programs that a packet could run through. */
  get lookups(): Kernel["lookups"] {
    throw new Error("look up: a kernel in memory has no maps");
  }
  rehearse(): never {
    throw new Error("rehearse: a kernel in memory has no programs");
  }

  #wrote(what: string): void {
    this.writes.push(what);
    this.onWrite(what);
  }

  readonly policies: PolicySlots = {
    capacity: 16384,
    capacityOf: () => 16384,
    slotsMax: 1000,
    read: () => new Map([...this.#slots].map(([slot, entries]) => [slot, [...entries.values()]])),
    insert: async (slots) => {
      for (const [slot, entries] of slots) {
        if (this.#slots.has(slot)) throw new Error(`slot ${slot} is used twice`);
        if (entries.length > this.#capacity) throw new Error(`slot ${slot} is too large`);
        this.#slots.set(slot, new Map(entries.map((entry) => [keyOf(entry), entry])));
        this.#wrote(`insert slot ${slot}`);
      }
      await Promise.resolve();
    },
    delete: async (slots) => {
      for (const slot of slots) {
        for (const endpoint of this.#endpoints.values()) {
          if (endpoint.policy.includes(slot))
            throw new Error(`slot ${slot} is deleted while endpoint ${endpoint.id} has it`);
        }
        this.#slots.delete(slot);
        this.#wrote(`delete slot ${slot}`);
      }
      await Promise.resolve();
    },
    add: (slot, entries) => {
      for (const entry of entries) {
        this.#slots.get(slot)?.set(keyOf(entry), entry);
        this.#wrote(`add to slot ${slot}`);
      }
    },
    remove: (slot, entries) => {
      for (const entry of entries) {
        this.#slots.get(slot)?.delete(keyOf(entry));
        this.#wrote(`remove from slot ${slot}`);
      }
    },
    barrier: async () => {
      this.#wrote("barrier");
      await Promise.resolve();
    },
  };

  readonly endpoints: EndpointTable = {
    read: () => new Map(this.#endpoints),
    write: (endpoint) => {
      this.#endpoints.set(endpoint.id, endpoint);
      this.#wrote(`endpoint ${endpoint.id} is ${endpoint.identity.join()} and has slots ${endpoint.policy.join()}`);
    },
    remove: (endpoint) => {
      const left = this.#endpoints
        .get(endpoint.id)
        ?.nodeAddresses?.filter((address) => !endpoint.nodeAddresses?.includes(address));
      if (left?.length) this.#endpoints.set(endpoint.id, { ...endpoint, nodeAddresses: left });
      else this.#endpoints.delete(endpoint.id);
      this.#wrote(`endpoint ${endpoint.id} removed`);
    },
    removeAllBut: (incarnations) => {
      for (const [id, { incarnation, nodeAddresses }] of this.#endpoints) {
        if (!nodeAddresses && !incarnations.has(incarnation)) this.#endpoints.delete(id);
      }
    },
    bandwidths: () => [],
  };

  /** How many prefixes the ipcache takes. */
  ipcacheCapacity = 512_000;

  readonly ipcache: IpcacheTable = {
    capacity: 0,
    read: () =>
      [...this.#ipcache.values()].map(({ prefix, identity, addressClass }) => ({ prefix, identity, addressClass })),
    write: (entries) => {
      for (const entry of entries) {
        this.#ipcache.set(entry.prefix, { ...entry, cidr: parseCidr(entry.prefix) as Cidr });
        this.#wrote(`ipcache ${entry.prefix}`);
      }
    },
    remove: (prefixes) => {
      for (const prefix of prefixes) {
        this.#ipcache.delete(prefix);
        this.#wrote(`ipcache ${prefix} removed`);
      }
    },
  };

  readonly limits: LimitTable = {
    write: (reference, bounds) => void this.#limits.set(reference, bounds),
    recount: () => {},
    retain: (inUse) => {
      for (const reference of this.#limits.keys()) if (!inUse.has(reference)) this.#limits.delete(reference);
    },
    read: () => new Map([...this.#limits].map(([reference, bounds]) => [reference, { ...bounds, open: 0 }])),
  };
  readonly hits: HitTable = { read: () => new Map(), retain: () => {} };

  readonly images: MapImages = {
    generation: () => this.#generation,
    endpoints: () => endpointsImage([...this.#endpoints.values()]),
    interfaces: () => interfacesImage([...this.#endpoints.values()]),
    ipcache: () => ipcacheImage(this.ipcache.read()),
    limits: () => limitsImage(this.#limits),
    bandwidths: () => bandwidthsImage([...this.#endpoints.values()]),
    slots: () => [...this.#slots.keys()],
    slot: (slot) => {
      const entries = this.#slots.get(slot);
      return entries && slotImage([...entries.values()]);
    },
  };

  readonly control: Control = {
    generation: () => this.#generation,
    advanceGeneration: () => {
      this.#generation++;
      this.#wrote(`generation ${this.#generation}`);
      return this.#generation;
    },
    raiseEpoch: () => {},
  };

  readonly connections = {
    // eslint-disable-next-line require-yield
    async *all(): AsyncGenerator<never> {
      await Promise.resolve();
    },
    // eslint-disable-next-line require-yield
    async *unjudged(): AsyncGenerator<never> {
      await Promise.resolve();
    },
    sweep: async () => ({ live: 0, removed: 0, limited: new Map() }),
    removeAddresses: async () => 0,
    removeWhere: async () => 0,
  };
  readonly fragments = { sweep: async () => 0 };
  readonly nat = {
    // eslint-disable-next-line require-yield
    async *all(): AsyncGenerator<never> {
      await Promise.resolve();
    },
    sweep: async () => 0,
    removeAddresses: async () => 0,
    removeWhere: async () => 0,
    counts: () => ({ allocated: 0, retries: 0, exhausted: 0 }),
  };
  readonly masquerade = {
    ranges: () => new Map(),
    writeRanges: () => {},
    removeRanges: () => {},
    setDevices: () => {},
  };
  places(): [] {
    return [];
  }

  readonly hooks = noHooks;
  readonly chainedHooks = noHooks;
  readonly deviceHooks = noHooks;
  readonly earlyHooks = { ...noHooks, attach: () => true, setTc: () => {} };
  readonly prefilter = { capacity: 0, read: () => [], add: () => {}, remove: () => {} };

  // eslint-disable-next-line require-yield
  async *events(): AsyncGenerator<never> {
    await Promise.resolve();
  }

  eventsLost(): bigint {
    return 0n;
  }

  proxySeen(): bigint {
    return 0n;
  }

  proxyBypassed(): number {
    return 0;
  }

  resets(): bigint {
    return 0n;
  }

  counters(): [] {
    return [];
  }

  async fill(): Promise<[]> {
    return [];
  }

  forgetOldPrograms(): void {}

  now(): bigint {
    return 0n;
  }

  [Symbol.dispose](): void {}

  /** What a packet would meet now: the egress policy of its source, the ingress policy of its destination. */
  judge({ source, destination, protocol, port }: Probe): { egress: Judgement; ingress: Judgement } {
    const parity = this.#generation % 2n === 0n ? 0 : 1;
    const from = this.#endpointAt(source);
    const to = this.#endpointAt(destination);
    const peer = (address: string, endpoint: EndpointState | undefined): { identity: number; addressClass: number } => {
      const entry = this.#lookup(address);
      return { identity: endpoint?.identity[parity] ?? entry.identity, addressClass: entry.addressClass };
    };
    const allow: Judgement = { verdict: "allow", rules: [] };
    return {
      egress: from ? this.#judge(from.policy[parity], "egress", peer(destination, to), protocol, port) : allow,
      // The node reaches its own pods, and itself, whatever their policy says.
      ingress:
        to && peer(source, from).identity !== 1
          ? this.#judge(to.policy[parity], "ingress", peer(source, from), protocol, port)
          : allow,
    };
  }

  #endpointAt(address: string): EndpointState | undefined {
    return [...this.#endpoints.values()].find((endpoint) => addressesOf(endpoint).includes(address));
  }

  #lookup(address: string): IpcacheState {
    const parsed = parseAddress(address);
    if (parsed === null) throw new Error(`look up ${address}: no address`);
    const host = hostCidr(parsed);
    let best: (IpcacheState & { cidr: Cidr }) | undefined;
    for (const entry of this.#ipcache.values()) {
      if (cidrContains(entry.cidr, host) && (best === undefined || entry.cidr.bits > best.cidr.bits)) best = entry;
    }
    return best ?? world;
  }

  #judge(
    slot: number,
    direction: "ingress" | "egress",
    peer: { identity: number; addressClass: number },
    protocol: number,
    port: number,
  ): Judgement {
    const entries = this.#slots.get(slot);
    if (!entries) return { verdict: "deny", rules: [] };
    const found: SlotEntry[] = [];
    for (const number of new Set([peer.identity, peer.addressClass, 0])) {
      let best: SlotEntry | undefined;
      for (const entry of entries.values()) {
        if (entry.peer !== number || entry.direction !== direction || !covers(entry, protocol, port)) continue;
        if (best === undefined || bits(entry) > bits(best)) best = entry;
      }
      if (best) found.push(best);
    }
    const upper = highest(found);
    return upper.verdict === "pass" ? highest(found.flatMap(({ below }) => below ?? [])) : upper;
  }
}

function highest(decisions: readonly SlotDecision[]): Judgement & { verdict: SlotVerdict } {
  const precedence = Math.max(0, ...decisions.map((decision) => decision.precedence));
  const deciding = decisions.filter((decision) => decision.precedence === precedence);
  return {
    verdict: deciding[0]?.verdict ?? "deny",
    rules: deciding.map(({ rule }) => rule).filter((rule) => rule !== 0),
  };
}

function keyOf(entry: SlotEntry): string {
  return `${entry.peer} ${entry.direction} ${entry.protocol} ${entry.port} ${entry.portBits}`;
}

function bits(entry: SlotEntry): number {
  return (entry.protocol === 0 ? 0 : 8) + entry.portBits;
}

function covers(entry: SlotEntry, protocol: number, port: number): boolean {
  if (entry.protocol === 0) return true;
  if (entry.protocol !== protocol) return false;
  return entry.port >> (16 - entry.portBits) === port >> (16 - entry.portBits);
}
