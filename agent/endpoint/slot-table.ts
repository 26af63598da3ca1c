import type { PolicySlots, SlotDecision, SlotEntry } from "#agent/datapath/kernel.ts";

/** The part of an entry that is its key in the kernel. */
export function entryKey(entry: SlotEntry): string {
  return `${entry.peer}/${entry.direction}/${entry.protocol}/${entry.port}/${entry.portBits}`;
}

function sameValue(a: SlotEntry, b: SlotEntry | undefined): boolean {
  return b !== undefined && sameDecision(a, b) && sameDecision(a.below, b.below);
}

function sameDecision(a: SlotDecision | null, b: SlotDecision | null): boolean {
  if (!a || !b) return a === b;
  return (
    a.verdict === b.verdict &&
    a.precedence === b.precedence &&
    a.rule === b.rule &&
    a.limit === b.limit &&
    a.isPlain === b.isPlain &&
    a.failsOpen === b.failsOpen &&
    a.notAfter === b.notAfter
  );
}

/** The content of one policy slot, by {@link entryKey}. */
export class SlotContent {
  readonly entries: Map<string, SlotEntry>;

  constructor(entries: Iterable<SlotEntry>) {
    this.entries = new Map();
    for (const entry of entries) this.entries.set(entryKey(entry), entry);
  }

  equals(other: SlotContent): boolean {
    if (this.entries.size !== other.entries.size) return false;
    for (const [key, entry] of this.entries) if (!sameValue(entry, other.entries.get(key))) return false;
    return true;
  }
}

/**
 * The policy slots that the kernel holds and what is in them. Slot numbers are never
 * used twice within the life of the pinned maps.
 */
export class SlotTable {
  readonly #kernel: PolicySlots;
  readonly #slots = new Map<number, SlotContent>();
  #next = 1;

  /** Starts from what the kernel holds. */
  constructor(kernel: PolicySlots) {
    this.#kernel = kernel;
    for (const [slot, entries] of kernel.read()) {
      this.#slots.set(slot, new SlotContent(entries));
      this.#next = Math.max(this.#next, slot + 1);
    }
  }

  get capacity(): number {
    return this.#kernel.capacity;
  }

  get slotsMax(): number {
    return this.#kernel.slotsMax;
  }

  /** How full the fullest slot is; undefined: there is none. */
  fullest(): { readonly entries: number; readonly capacity: number } | undefined {
    const fills = [...this.#slots].map(([slot, { entries }]) => {
      return { entries: entries.size, capacity: this.#kernel.capacityOf(slot) };
    });
    return fills.sort((a, b) => b.entries / b.capacity - a.entries / a.capacity)[0];
  }

  numbers(): number[] {
    return [...this.#slots.keys()];
  }

  /** Whether a slot has room as one that is made now; one of an earlier life may have less. */
  isRoomy(slot: number): boolean {
    return this.#kernel.capacityOf(slot) >= this.#kernel.capacity;
  }

  content(slot: number): SlotContent | undefined {
    return this.#slots.get(slot);
  }

  /** Makes new slots in one go; gives their numbers in order. */
  async insert(contents: readonly SlotContent[]): Promise<number[]> {
    const made = new Map(contents.map((content) => [this.#next++, content]));
    if (made.size === 0) return [];
    await this.#kernel.insert(new Map([...made].map(([slot, content]) => [slot, [...content.entries.values()]])));
    for (const [slot, content] of made) this.#slots.set(slot, content);
    return [...made.keys()];
  }

  async delete(slots: readonly number[]): Promise<void> {
    const there = slots.filter((slot) => this.#slots.delete(slot));
    if (there.length > 0) await this.#kernel.delete(there);
  }

  /** Adds entries to a live slot: those of a new identity or class. */
  add(slot: number, entries: readonly SlotEntry[]): void {
    const content = this.#slots.get(slot);
    const fresh = entries.filter((entry) => !sameValue(entry, content?.entries.get(entryKey(entry))));
    if (!content || fresh.length === 0) return;
    this.#kernel.add(slot, fresh);
    for (const entry of fresh) content.entries.set(entryKey(entry), entry);
  }

  /** Removes a peer's entries from all slots: its identity or class is nobody's any more. */
  removePeers(peers: ReadonlySet<number>): void {
    if (peers.size === 0) return;
    for (const [slot, content] of this.#slots) {
      const gone = [...content.entries.values()].filter((entry) => peers.has(entry.peer));
      if (gone.length === 0) continue;
      this.#kernel.remove(slot, gone);
      for (const entry of gone) content.entries.delete(entryKey(entry));
    }
  }
}
