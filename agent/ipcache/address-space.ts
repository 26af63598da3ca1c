import type { Control, IpcacheState, IpcacheTable } from "#agent/datapath/kernel.ts";
import { type AddressToken, tokenBlock } from "#policy/model/address-token.ts";
import { type KnownPrefix, type Part, insideTokens, partition } from "./partition.ts";

/** Numbers for sets of tokens; `agent/identity` persists them. */
export interface ClassNumbers {
  /** The number of a set (sorted); 0 for the empty one. */
  intern(tokens: readonly AddressToken[]): number;
  /** The set behind a number that was handed out. */
  lookup(addressClass: number): readonly AddressToken[] | undefined;
  /** Says which numbers are still in use; others may be forgotten. */
  retain(inUse: ReadonlySet<number>): void;
}

interface AddressPlan {
  readonly entries: readonly IpcacheState[];
  /** The classes that the entries name, with their sets. */
  readonly classes: Map<number, readonly AddressToken[]>;
}

export interface AddressSpaceOptions {
  readonly table: IpcacheTable;
  readonly control: Control;
  readonly classes: ClassNumbers;
  /** Who an address is that nobody claims: the reserved identity `world`. */
  readonly fallback: number;
  /** Other identities that are outside of the cluster. */
  readonly outsiders?: readonly number[];
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
  /** See {@link classesInUse}. */
  #classes = new Map<number, readonly AddressToken[]>();
  #tokens: readonly AddressToken[] = [];
  /** Whether the kernel holds what {@link tokens} and the known prefixes ask for. */
  #settled = false;

  /** Starts from what the kernel holds. */
  constructor(options: AddressSpaceOptions) {
    this.#options = options;
    const tokens = new Set<AddressToken>();
    for (const entry of options.table.read()) {
      this.#current.set(entry.prefix, entry);
      const said = options.classes.lookup(entry.addressClass) ?? [];
      if (said.length > 0) this.#addClass(this.#classes, said);
      for (const token of said) tokens.add(token);
    }
    this.#tokens = [...tokens];
  }

  /** What of the rules the present classes are made of. */
  get tokens(): readonly AddressToken[] {
    return this.#tokens;
  }

  /** Identities that are outside of the cluster. */
  get outside(): readonly number[] {
    return [this.#options.fallback, ...(this.#options.outsiders ?? [])];
  }

  /**
   * The classes that addresses have now, and those that they would have if pods and nodes came to have
   * them or left them: ranges that mean what is outside of the cluster mean them only then.
   */
  classesInUse(): Map<number, readonly AddressToken[]> {
    return new Map(this.#classes);
  }

  /** @param outside What rules say of addresses outside of the cluster. */
  #addClass(classes: Map<number, readonly AddressToken[]>, outside: readonly AddressToken[]): void {
    const inside = insideTokens(outside);
    for (const tokens of inside.length < outside.length ? [outside, inside] : [outside]) {
      if (tokens.length > 0) classes.set(this.#options.classes.intern(tokens), tokens);
    }
  }

  /** How many prefixes the ipcache holds at most. */
  get capacity(): number {
    return this.#options.table.capacity;
  }

  /**
   * How many prefixes there would be with a part for each of these tokens, and for prefixes that are to be known. One
   * more has to fit: before Linux 6.13 a full trie takes no other value of what is there.
   */
  room(tokens: readonly AddressToken[], coming: readonly KnownPrefix[]): { needed: number; fits: boolean } {
    const prefixes = new Set([...this.#known.keys(), ...coming.map(({ prefix }) => prefix)]);
    for (const token of tokens) {
      const block = tokenBlock(token);
      if (block) prefixes.add(block.cidr);
    }
    return { needed: prefixes.size, fits: prefixes.size < this.capacity };
  }

  /** The classes that addresses would have with these tokens. Writes nothing. */
  plannedClasses(tokens: readonly AddressToken[]): ReadonlyMap<number, readonly AddressToken[]> {
    return this.#isSettled(tokens) ? this.classesInUse() : this.#plan(tokens).classes;
  }

  #plan(tokens: readonly AddressToken[]): AddressPlan {
    const classes = new Map<number, readonly AddressToken[]>();
    const parts = this.#partition(tokens, this.#knownPrefixes());
    for (const { outside } of parts) this.#addClass(classes, outside);
    return { entries: parts.map((part) => this.#toState(part)), classes };
  }

  #partition(tokens: readonly AddressToken[], known: readonly KnownPrefix[]): Part[] {
    return partition(known, tokens, this.#options.fallback, this.outside);
  }

  #toState({ prefix, identity, tokens }: Part): IpcacheState {
    return { prefix, identity, addressClass: this.#options.classes.intern(tokens) };
  }

  /** Brings the kernel to the plan that these tokens make. */
  setTokens(tokens: readonly AddressToken[]): void {
    if (this.#isSettled(tokens)) return;
    this.#tokens = tokens;
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
    const part = this.#partition(this.#tokens, this.#around(prefix)).find((one) => one.prefix === prefix);
    if (part) this.#apply([this.#toState(part)], []);
  }

  /** @param heir Whose it is from now on, if anybody's. */
  removeKnown(prefix: string, heir?: number): void {
    if (heir !== undefined) return this.setKnown(prefix, heir);
    if (!this.#known.delete(prefix)) return;
    if (this.#tokens.some((token) => tokenBlock(token)?.cidr === prefix)) this.#reconcile();
    else this.#apply([], [prefix]);
  }

  /** As {@link setKnown} of ranges that are longer than one address: what is inside of them may become somebody else's, too. */
  setRanges(added: readonly KnownPrefix[], removed: readonly string[]): void {
    for (const prefix of removed) this.#known.delete(prefix);
    for (const { prefix, identity } of added) this.#known.set(prefix, identity);
    if (this.#settled) this.#reconcile();
  }

  /** Replaces all known prefixes but leaves the kernel as it is until {@link setTokens}. */
  resetKnown(known: readonly KnownPrefix[]): void {
    this.#settled = false;
    this.#known.clear();
    for (const { prefix, identity } of known) this.#known.set(prefix, identity);
  }

  /** Frees the numbers of classes that no address has any more. */
  releaseClasses(): void {
    this.#options.classes.retain(new Set(this.classesInUse().keys()));
  }

  #isSettled(tokens: readonly AddressToken[]): boolean {
    if (!this.#settled || tokens.length !== this.#tokens.length) return false;
    const present = new Set(this.#tokens);
    return tokens.every((token) => present.has(token));
  }

  #knownPrefixes(): KnownPrefix[] {
    return [...this.#known].map(([prefix, identity]) => ({ prefix, identity }));
  }

  /** The known prefixes that can matter for one host route: itself and all shorter ones. */
  #around(prefix: string): KnownPrefix[] {
    return this.#knownPrefixes().filter((known) => known.prefix === prefix || !isHostRoute(known.prefix));
  }

  #reconcile(): void {
    const { entries, classes } = this.#plan(this.#tokens);
    this.#classes = classes;
    const wanted = new Map(entries.map((entry) => [entry.prefix, entry]));
    const removed = [...this.#current.keys()].filter((prefix) => !wanted.has(prefix));
    const written = [...wanted.values()].filter((entry) => !same(entry, this.#current.get(entry.prefix)));
    this.#apply(written, removed);
  }

  #apply(written: readonly IpcacheState[], removed: readonly string[]): void {
    const changed = written.filter((entry) => !same(entry, this.#current.get(entry.prefix)));
    const gone = removed.filter((prefix) => this.#current.has(prefix));
    const added = changed.filter(({ prefix }) => !this.#current.has(prefix)).length;
    // Whoever is written first is right at once; only what has no room waits for what leaves.
    const isTight = this.#current.size + added >= this.capacity;
    if (isTight && gone.length > 0) this.#options.table.remove(gone);
    if (changed.length > 0) this.#options.table.write(changed);
    if (!isTight && gone.length > 0) this.#options.table.remove(gone);
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
