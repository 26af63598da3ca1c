import type { Control, IpcacheState, IpcacheTable } from "#agent/datapath/kernel.ts";
import { type KnownPrefix, partition } from "./partition.ts";

/** Numbers for sets of CIDRs; `agent/identity` persists them. */
export interface ClassNumbers {
  /** The number of a set (sorted canonical texts); 0 for the empty one. */
  intern(cidrs: readonly string[]): number;
  /** The set behind a number that was handed out. */
  lookup(addressClass: number): readonly string[] | undefined;
  /** Says which numbers are still in use; others may be forgotten. */
  retain(inUse: ReadonlySet<number>): void;
}

interface AddressPlan {
  readonly entries: readonly IpcacheState[];
  /** The classes that the entries name, with their sets. */
  readonly classes: ReadonlyMap<number, readonly string[]>;
}

export interface AddressSpaceOptions {
  readonly table: IpcacheTable;
  readonly control: Control;
  readonly classes: ClassNumbers;
  /** Who an address is that nobody claims: the reserved identity `world`. */
  readonly fallback: number;
}

/**
 * Keeps the ipcache: which identity and which address class every address has.
 *
 * Whoever changes it has put the policy entries of new classes and identities into
 * the live slots before, and takes those of vanished ones out afterwards.
 */
export class AddressSpace {
  readonly #options: AddressSpaceOptions;
  readonly #known = new Map<string, number>();
  readonly #current = new Map<string, IpcacheState>();
  #cidrs: readonly string[] = [];
  /** Whether the kernel holds what {@link cidrs} and the known prefixes ask for. */
  #settled = false;

  /** Starts from what the kernel holds. */
  constructor(options: AddressSpaceOptions) {
    this.#options = options;
    const cidrs = new Set<string>();
    for (const entry of options.table.read()) {
      this.#current.set(entry.prefix, entry);
      for (const cidr of options.classes.lookup(entry.addressClass) ?? []) cidrs.add(cidr);
    }
    this.#cidrs = [...cidrs];
  }

  /** The CIDRs of rules that the present classes are made of. */
  get cidrs(): readonly string[] {
    return this.#cidrs;
  }

  /** The classes in use now. */
  classesInUse(): Map<number, readonly string[]> {
    const classes = new Map<number, readonly string[]>();
    for (const { addressClass } of this.#current.values()) {
      const cidrs = this.#options.classes.lookup(addressClass);
      if (cidrs) classes.set(addressClass, cidrs);
    }
    return classes;
  }

  /** How many prefixes the ipcache holds at most. */
  get capacity(): number {
    return this.#options.table.capacity;
  }

  /** Whether a part for each of these CIDRs fits beside the known prefixes. */
  hasRoom(cidrs: readonly string[]): boolean {
    return this.#known.size + cidrs.length <= this.capacity;
  }

  /** The classes that addresses would have with these CIDRs. Writes nothing. */
  plannedClasses(cidrs: readonly string[]): ReadonlyMap<number, readonly string[]> {
    return this.#isSettled(cidrs) ? this.classesInUse() : this.#plan(cidrs).classes;
  }

  #plan(cidrs: readonly string[], known: readonly KnownPrefix[] = this.#knownPrefixes()): AddressPlan {
    const classes = new Map<number, readonly string[]>();
    const entries = partition(known, cidrs, this.#options.fallback).map((part) => {
      const addressClass = this.#options.classes.intern(part.cidrs);
      if (addressClass !== 0) classes.set(addressClass, part.cidrs);
      return { prefix: part.prefix, identity: part.identity, addressClass };
    });
    return { entries, classes };
  }

  /** Brings the kernel to the plan that these CIDRs make. */
  setCidrs(cidrs: readonly string[]): void {
    if (this.#isSettled(cidrs)) return;
    this.#cidrs = cidrs;
    this.#reconcile();
    this.#settled = true;
  }

  /**
   * Says who owns a prefix: a pod, the node, the range of pods. A host route's class is
   * one that exists already, because it is that of the part around it.
   */
  setKnown(prefix: string, identity: number): void {
    if (this.#known.get(prefix) === identity && this.#current.has(prefix)) return;
    this.#known.set(prefix, identity);
    const entry = this.#plan(this.#cidrs, this.#around(prefix)).entries.find((part) => part.prefix === prefix);
    if (entry) this.#apply([entry], []);
  }

  removeKnown(prefix: string): void {
    if (!this.#known.delete(prefix)) return;
    if (this.#cidrs.includes(prefix)) this.#reconcile();
    else this.#apply([], [prefix]);
  }

  /** Replaces all known prefixes but leaves the kernel as it is until {@link setCidrs}. */
  resetKnown(known: readonly KnownPrefix[]): void {
    this.#settled = false;
    this.#known.clear();
    for (const { prefix, identity } of known) this.#known.set(prefix, identity);
  }

  /** Frees the numbers of classes that no address has any more. */
  releaseClasses(): void {
    this.#options.classes.retain(new Set(this.classesInUse().keys()));
  }

  #isSettled(cidrs: readonly string[]): boolean {
    if (!this.#settled || cidrs.length !== this.#cidrs.length) return false;
    const present = new Set(this.#cidrs);
    return cidrs.every((cidr) => present.has(cidr));
  }

  #knownPrefixes(): KnownPrefix[] {
    return [...this.#known].map(([prefix, identity]) => ({ prefix, identity }));
  }

  /** The known prefixes that can matter for one host route: itself and all shorter ones. */
  #around(prefix: string): KnownPrefix[] {
    return this.#knownPrefixes().filter((known) => known.prefix === prefix || !isHostRoute(known.prefix));
  }

  #reconcile(): void {
    const wanted = new Map(this.#plan(this.#cidrs).entries.map((entry) => [entry.prefix, entry]));
    const removed = [...this.#current.keys()].filter((prefix) => !wanted.has(prefix));
    const written = [...wanted.values()].filter((entry) => !same(entry, this.#current.get(entry.prefix)));
    this.#apply(written, removed);
  }

  #apply(written: readonly IpcacheState[], removed: readonly string[]): void {
    const changed = written.filter((entry) => !same(entry, this.#current.get(entry.prefix)));
    if (changed.length > 0) this.#options.table.write(changed);
    const gone = removed.filter((prefix) => this.#current.has(prefix));
    if (gone.length > 0) this.#options.table.remove(gone);
    for (const entry of changed) this.#current.set(entry.prefix, entry);
    for (const prefix of gone) this.#current.delete(prefix);
    // After the write: a verdict cached before it must not be kept under the new number.
    for (const prefix of [...changed.map((entry) => entry.prefix), ...gone]) this.#options.control.raiseEpoch(prefix);
  }
}

function same(a: IpcacheState, b: IpcacheState | undefined): boolean {
  return b !== undefined && a.identity === b.identity && a.addressClass === b.addressClass;
}

export function isHostRoute(prefix: string): boolean {
  return prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
}
