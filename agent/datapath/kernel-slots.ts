import { BpfMap, MapFlag, MapHandle, MapOfMaps, MapType, u32 } from "libbpf-ts";
import type { PolicySlots, SlotDecision, SlotEntry, SlotVerdict } from "./kernel.ts";
import { MapFullError } from "./map-full-error.ts";
import {
  Direction,
  type PolicyDecision,
  PolicyFlag,
  policyEntry,
  type PolicyEntry,
  policyKey,
  type PolicyKey,
  PolicyPrefix,
  Verdict,
} from "./layouts.gen.ts";

const innerName = "policy_slot";

const verdictNumbers: Readonly<Record<SlotVerdict, number>> = {
  allow: Verdict.ALLOW,
  deny: Verdict.DENY,
  pass: Verdict.PASS,
  redirect: Verdict.REDIRECT,
};
const verdictNames = new Map(Object.entries(verdictNumbers).map(([name, number]) => [number, name as SlotVerdict]));

export function encodeKey(entry: SlotEntry): PolicyKey {
  const bits = entry.protocol === 0 ? 0 : PolicyPrefix.PROTOCOL_BITS + entry.portBits;
  return {
    prefixlen: PolicyPrefix.FIXED_BITS + bits,
    peer: entry.peer,
    direction: entry.direction === "egress" ? Direction.EGRESS : Direction.INGRESS,
    protocol: entry.protocol,
    port: entry.port,
  };
}

export function encodeEntry(entry: SlotEntry): PolicyEntry {
  const bits = entry.protocol === 0 ? 0 : PolicyPrefix.PROTOCOL_BITS + entry.portBits;
  return { upper: encodeDecision(entry, bits), below: entry.below ? encodeDecision(entry.below, bits) : nothing };
}

const nothing: PolicyDecision = { precedence: 0, rule: 0, limit: 0, verdict: 0, prefixBits: 0, flags: 0, notAfter: 0n };

function encodeDecision({ verdict, isPlain, failsOpen, ...rest }: SlotDecision, prefixBits: number): PolicyDecision {
  const { precedence, rule, limit, notAfter } = rest;
  const flags = (isPlain ? PolicyFlag.PLAIN : 0) | (failsOpen ? PolicyFlag.FAIL_OPEN : 0);
  return { precedence, rule, limit, verdict: verdictNumbers[verdict], prefixBits, flags, notAfter };
}

function decodeDecision({ verdict, precedence, rule, limit, flags, notAfter }: PolicyDecision): SlotDecision {
  const isPlain = (flags & PolicyFlag.PLAIN) !== 0;
  const failsOpen = (flags & PolicyFlag.FAIL_OPEN) !== 0;
  return { verdict: verdictName(verdict), precedence, isPlain, failsOpen, rule, limit, notAfter };
}

/** A number that nobody writes is shown as what the kernel does with it. */
function verdictName(number: number): SlotVerdict {
  return verdictNames.get(number) ?? "deny";
}

function decode(key: PolicyKey, entry: PolicyEntry): SlotEntry {
  return {
    peer: key.peer,
    direction: key.direction === Direction.EGRESS ? "egress" : "ingress",
    protocol: key.protocol,
    port: key.port,
    portBits: Math.max(0, key.prefixlen - PolicyPrefix.FIXED_BITS - PolicyPrefix.PROTOCOL_BITS),
    ...decodeDecision(entry.upper),
    below: entry.below.precedence === 0 ? null : decodeDecision(entry.below),
  };
}

/** The map of maps `policy`. Inner maps are held open while they are in it. */
export class KernelSlots implements PolicySlots, Disposable {
  readonly capacity: number;
  /** One place is for {@link barrier}. */
  readonly slotsMax: number;
  readonly #outer: MapOfMaps<number>;
  readonly #inner = new Map<number, MapHandle>();

  constructor(outer: MapHandle, capacity: number) {
    this.#outer = new MapOfMaps(outer, u32);
    this.capacity = capacity;
    this.slotsMax = outer.info.maxEntries - 1;
    for (const slot of this.#outer.keys()) {
      const handle = this.#outer.get(slot, innerName);
      if (handle) this.#inner.set(slot, handle);
    }
  }

  read(): Map<number, SlotEntry[]> {
    return new Map([...this.#inner.keys()].map((slot) => [slot, this.entries(slot)]));
  }

  capacityOf(slot: number): number {
    return this.#inner.get(slot)?.info.maxEntries ?? 0;
  }

  /** The entries of one slot as the kernel holds them. */
  entries(slot: number): SlotEntry[] {
    return [...this.#typed(slot).entries()].map(([key, entry]) => decode(key, entry));
  }

  async insert(slots: ReadonlyMap<number, readonly SlotEntry[]>): Promise<void> {
    if (this.#inner.size + slots.size > this.slotsMax) throw new MapFullError("policy", this.slotsMax);
    const made: [number, MapHandle][] = [];
    try {
      for (const [slot, entries] of slots) {
        const handle = MapHandle.create({
          type: MapType.LPM_TRIE,
          name: innerName,
          keySize: policyKey.size,
          valueSize: policyEntry.size,
          maxEntries: this.capacity,
          flags: MapFlag.NO_PREALLOC,
        });
        made.push([slot, handle]);
        new BpfMap(handle, policyKey, policyEntry).setMany(
          entries.map((entry) => [encodeKey(entry), encodeEntry(entry)]),
        );
      }
      await this.#outer.setMany(made);
    } catch (error) {
      for (const [, handle] of made) handle[Symbol.dispose]();
      throw error;
    }
    for (const [slot, handle] of made) this.#inner.set(slot, handle);
  }

  async delete(slots: readonly number[]): Promise<void> {
    await this.#outer.deleteMany(slots);
    for (const slot of slots) {
      this.#inner.get(slot)?.[Symbol.dispose]();
      this.#inner.delete(slot);
    }
  }

  add(slot: number, entries: readonly SlotEntry[]): void {
    const map = this.#typed(slot);
    const order = [...entries].sort((a, b) => Number(a.verdict !== "deny") - Number(b.verdict !== "deny"));
    map.setMany(order.map((entry) => [encodeKey(entry), encodeEntry(entry)]));
  }

  remove(slot: number, entries: readonly SlotEntry[]): void {
    const order = [...entries].sort((a, b) => Number(a.verdict === "deny") - Number(b.verdict === "deny"));
    this.#typed(slot).deleteMany(order.map(encodeKey));
  }

  async barrier(): Promise<void> {
    // Any write of an outer map waits for a grace period; slot 0 is nobody's.
    using handle = MapHandle.create({
      type: MapType.LPM_TRIE,
      name: innerName,
      keySize: policyKey.size,
      valueSize: policyEntry.size,
      maxEntries: this.capacity,
      flags: MapFlag.NO_PREALLOC,
    });
    await this.#outer.setMany([[0, handle]]);
    await this.#outer.deleteMany([0]);
  }

  #typed(slot: number): BpfMap<PolicyKey, PolicyEntry> {
    const handle = this.#inner.get(slot);
    if (!handle) throw new Error(`write policy slot ${slot}: there is none`);
    return new BpfMap(handle, policyKey, policyEntry);
  }

  [Symbol.dispose](): void {
    for (const handle of this.#inner.values()) handle[Symbol.dispose]();
  }
}
