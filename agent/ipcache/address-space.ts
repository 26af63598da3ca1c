import type { Control, IpcacheState, IpcacheTable } from "#agent/datapath/kernel.ts";
import { type AddressToken, isNameToken, tokenBlock } from "#policy/model/address-token.ts";
import { type Cidr, parseCidr } from "#policy/model/cidr.ts";
import { Covering } from "./covering.ts";
import { NamedAddresses } from "./named-addresses.ts";
import { type KnownPrefix, type Named, type Part, insideTokens, partition } from "./partition.ts";

/** Likely sets of names that have a class before any address has them. */
const mostLikely = 512;

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
  readonly entries: IpcacheState[];
  /** The classes that the entries name or may come to name, with their sets. */
  readonly classes: Map<number, readonly AddressToken[]>;
  /** See {@link AddressSpace.lastingClasses}. */
  readonly lasting: Map<number, readonly AddressToken[]>;
  /** See {@link AddressSpace.waiting}. */
  readonly waiting: Set<string>;
  /** Those of the entries that are there because of names only. */
  readonly onlyNamed: Set<string>;
}

export interface AddressSpaceOptions {
  readonly table: IpcacheTable;
  readonly control: Control;
  readonly classes: ClassNumbers;
  /** Who an address is that nobody claims: the reserved identity `world`. */
  readonly fallback: number;
  /** Other identities that are outside of the cluster. */
  readonly outsiders?: readonly number[];
  /** Whether DNS names count for pods, nodes and what else belongs to the cluster. */
  readonly namesGrantInside?: boolean;
}

/**
 * Keeps the ipcache: which identity and which address class every address has.
 *
 * Whoever changes it has put the policy entries of new classes and identities into
 * the live slots before, and takes those of vanished ones out afterwards.
 *
 * What an address has by its DNS names comes later where its class is new: until {@link addClasses} says that
 * policy knows the class, rules speak of the address as of one without names.
 */
export class AddressSpace {
  readonly #options: AddressSpaceOptions;
  readonly #known = new Map<string, number>();
  readonly #current = new Map<string, IpcacheState>();
  /** See {@link classesInUse}. */
  #classes = new Map<number, readonly AddressToken[]>();
  /** See {@link lastingClasses}. */
  #lasting: ReadonlyMap<number, readonly AddressToken[]> = new Map();
  #tokens: readonly AddressToken[] = [];
  readonly #names = new NamedAddresses();
  /** Named addresses whose class policy does not know yet. */
  #waiting = new Set<string>();
  /** Addresses that are in the ipcache because of their names only. */
  #onlyNamed = new Set<string>();
  /** What is around addresses; null: to be made anew. */
  #covering: Covering | null = null;
  /**
   * Whether names have to do with {@link lastingClasses} in what is planned, because policy has no room for more: those
   * that need others wait.
   */
  isTight = false;
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

  /** Those of {@link classesInUse} that policy knows whatever names addresses come to have or lose. */
  get lastingClasses(): ReadonlyMap<number, readonly AddressToken[]> {
    return this.#lasting;
  }

  /** @param outside What rules say of addresses outside of the cluster. */
  #addClass(classes: Map<number, readonly AddressToken[]>, outside: readonly AddressToken[]): void {
    const inside = this.#inside(outside);
    for (const tokens of inside.length < outside.length ? [outside, inside] : [outside]) {
      if (tokens.length > 0) classes.set(this.#options.classes.intern(tokens), tokens);
    }
  }

  #inside(outside: readonly AddressToken[]): AddressToken[] {
    return insideTokens(outside, this.grantsInside);
  }

  /** Whether names count for what belongs to the cluster, too. */
  get grantsInside(): boolean {
    return this.#options.namesGrantInside ?? false;
  }

  /** Names may fill half of the ipcache: pods and policies need room, whatever DNS servers answer. */
  get #mostNamed(): number {
    return Math.floor(this.capacity / 2);
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
    return this.#isSettled(tokens) && !this.isTight ? this.classesInUse() : this.#plan(tokens).classes;
  }

  /** @param isReady whether policy knows a class; missing: it will know all. */
  #plan(tokens: readonly AddressToken[], isReady?: (addressClass: number) => boolean): AddressPlan {
    const plan: AddressPlan = {
      entries: [],
      classes: new Map(),
      lasting: new Map(),
      waiting: new Set(),
      onlyNamed: new Set(),
    };
    const likely = new Map(this.#likely(tokens).map((said) => [this.#options.classes.intern(said), said]));
    const isKnown = this.isTight ? (id: number): boolean => likely.has(id) && (isReady?.(id) ?? true) : isReady;
    for (const part of this.#partition(tokens)) {
      const { state, waits } = this.#settle(part, isKnown);
      if (waits) plan.waiting.add(part.prefix);
      if (state) plan.entries.push(state);
      if (state && part.isOnlyNamed) plan.onlyNamed.add(part.prefix);
      const nameless = part.outside.filter((one) => !isNameToken(one));
      if (!part.isOnlyNamed) this.#addClass(plan.lasting, nameless);
      if (!waits && part.tokens.some(isNameToken))
        plan.classes.set(this.#options.classes.intern(part.tokens), part.tokens);
    }
    for (const [id, said] of likely) if (isReady?.(id) ?? true) plan.lasting.set(id, said);
    for (const [id, said] of plan.lasting) plan.classes.set(id, said);
    return plan;
  }

  #partition(tokens: readonly AddressToken[]): Part[] {
    const most = Math.min(this.#mostNamed, this.capacity - 1 - this.room(tokens, []).needed);
    const named = { tokens: this.#names.all(tokens, most), grantsInside: this.grantsInside };
    return partition(this.#knownPrefixes(), tokens, this.#options.fallback, this.outside, named);
  }

  /** What addresses of which nothing but the widest ranges says anything will have by names that rules were written for. */
  #likely(tokens: readonly AddressToken[]): AddressToken[][] {
    const names = this.#names.likely(tokens);
    if (names.length === 0) return [];
    const around = new Covering(
      [],
      tokens.filter((token) => tokenBlock(token)?.cidr.endsWith("/0") ?? false),
    );
    const widest = ["0.0.0.0/0", "::/0"].map((text) => around.at(parseCidr(text) as Cidr).said);
    return names.slice(0, mostLikely).flatMap((said) => widest.map((block) => [...block, ...said].sort()));
  }

  /** The entry of a part; null: it has none. */
  #settle(
    { prefix, identity, tokens, isOnlyNamed }: Part,
    isReady?: (addressClass: number) => boolean,
  ): { readonly state: IpcacheState | null; readonly waits: boolean } {
    const addressClass = this.#options.classes.intern(tokens);
    const waits = isReady !== undefined && tokens.some(isNameToken) && !isReady(addressClass);
    if (!waits) return { state: { prefix, identity, addressClass }, waits };
    const nameless = this.#options.classes.intern(tokens.filter((one) => !isNameToken(one)));
    return { state: isOnlyNamed ? null : { prefix, identity, addressClass: nameless }, waits };
  }

  /** Brings the kernel to the plan that these tokens make. */
  setTokens(tokens: readonly AddressToken[]): void {
    if (this.#isSettled(tokens) && !this.isTight) return;
    this.#tokens = tokens;
    this.#covering = null;
    this.#reconcile();
    this.#settled = true;
  }

  /**
   * Says who owns a prefix: a pod, the node, the range of pods. Its class is
   * one that exists already, because it is that of the part around it.
   */
  setKnown(prefix: string, identity: number): void {
    if (this.#known.get(prefix) === identity && this.#current.has(prefix)) return;
    this.#known.set(prefix, identity);
    if (!isHostRoute(prefix)) this.#covering = null;
    this.#yieldNames();
    this.#write([prefix]);
  }

  /** @param heir Whose it is from now on, if anybody's. */
  removeKnown(prefix: string, heir?: number): void {
    if (heir !== undefined) return this.setKnown(prefix, heir);
    if (!this.#known.delete(prefix)) return;
    if (isHostRoute(prefix)) return this.#write([prefix]);
    this.#covering = null;
    if (this.#tokens.some((token) => tokenBlock(token)?.cidr === prefix)) this.#reconcile(this.#isReady);
    else this.#apply([], [prefix]);
  }

  /** As {@link setKnown} of ranges that are longer than one address: what is inside of them may become somebody else's, too. */
  setRanges(added: readonly KnownPrefix[], removed: readonly string[]): void {
    for (const prefix of removed) this.#known.delete(prefix);
    for (const { prefix, identity } of added) this.#known.set(prefix, identity);
    this.#covering = null;
    if (this.#settled) this.#reconcile(this.#isReady);
  }

  /**
   * Says which DNS names addresses have from now on; none: they have no more. Writes nothing.
   *
   * @returns the host routes that {@link writeNamed} is to be called for.
   */
  setNames(changes: ReadonlyMap<string, readonly string[]>): string[] {
    const prefixes = [...changes].map(([address, names]) => this.#names.set(address, names));
    return prefixes.filter((prefix) => prefix !== null);
  }

  /** Replaces all names that addresses have but leaves the kernel as it is until {@link setTokens}. */
  resetNames(names: ReadonlyMap<string, readonly string[]>): void {
    this.#settled = false;
    this.#names.clear();
    this.#waiting.clear();
    this.setNames(names);
  }

  get hasNames(): boolean {
    return this.#names.size > 0;
  }

  /** What rules say of addresses by names that count already. */
  named(tokens: readonly AddressToken[]): Named {
    const all = this.#names.all(tokens, this.#mostNamed);
    for (const prefix of this.#waiting) all.delete(prefix);
    return { tokens: all, grantsInside: this.grantsInside };
  }

  /** The names that a host route has, whoever owns it. */
  namesAt(prefix: string): readonly string[] {
    return this.#names.get(prefix);
  }

  /** Named addresses whose class policy does not know yet, as host routes. */
  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  /** The classes that named addresses ask for and that policy does not know yet. */
  missingClasses(prefixes: readonly string[]): Map<number, readonly AddressToken[]> {
    const missing = new Map<number, readonly AddressToken[]>();
    for (const prefix of prefixes) {
      const tokens = this.#part(prefix)?.tokens ?? [];
      const id = this.#options.classes.intern(tokens);
      if (tokens.some(isNameToken) && !this.#classes.has(id)) missing.set(id, tokens);
    }
    return missing;
  }

  /** Says that policy knows these classes. */
  addClasses(classes: ReadonlyMap<number, readonly AddressToken[]>): void {
    for (const [id, tokens] of classes) this.#classes.set(id, tokens);
  }

  /** Brings the kernel to what is said of these host routes. */
  writeNamed(prefixes: readonly string[]): void {
    this.#write(prefixes);
  }

  /** Whether an address has what its names ask for; one that they cannot grant anything has. */
  isAdmitted(prefix: string): boolean {
    return !this.#waiting.has(prefix);
  }

  /** Forgets classes of names that no address has any more and that are not likely to be wanted. Says which. */
  dropClasses(): Set<number> {
    const used = new Set([...this.#current.values()].map(({ addressClass }) => addressClass));
    const gone = new Set<number>();
    for (const [id, tokens] of this.#classes) {
      if (!used.has(id) && !this.#lasting.has(id) && tokens.some(isNameToken)) gone.add(id);
    }
    for (const id of gone) this.#classes.delete(id);
    return gone;
  }

  readonly #isReady = (addressClass: number): boolean => this.#classes.has(addressClass);

  /** Names leave room for whoever else comes. */
  #yieldNames(): void {
    const [one] = this.#onlyNamed;
    if (one === undefined || this.#current.size + 1 < this.capacity) return;
    this.#onlyNamed.delete(one);
    this.#waiting.add(one);
    this.#apply([], [one]);
  }

  /** Brings prefixes to what is said of them. */
  #write(prefixes: readonly string[]): void {
    const written: IpcacheState[] = [];
    const removed: string[] = [];
    let room = Math.min(this.#mostNamed - this.#onlyNamed.size, this.capacity - 1 - this.#current.size);
    for (const prefix of prefixes) {
      const part = this.#part(prefix);
      const { state, waits } = part ? this.#settle(part, this.#isReady) : { state: null, waits: false };
      const isNew = part?.isOnlyNamed && state && !this.#onlyNamed.has(prefix);
      const isLeftOut = isNew && room-- <= 0;
      if (waits || isLeftOut) this.#waiting.add(prefix);
      else this.#waiting.delete(prefix);
      if (state && !isLeftOut) written.push(state);
      else removed.push(prefix);
      if (state && part?.isOnlyNamed && !isLeftOut) this.#onlyNamed.add(prefix);
      else this.#onlyNamed.delete(prefix);
    }
    this.#apply(written, removed);
  }

  /** What {@link partition} says of a prefix; null: it is no part of its own. */
  #part(prefix: string): Part | null {
    const cidr = parseCidr(prefix) as Cidr;
    this.#covering ??= new Covering(
      this.#knownPrefixes().filter((known) => !isHostRoute(known.prefix)),
      this.#tokens,
    );
    const covered = this.#covering.at(cidr);
    const owner = this.#known.get(prefix);
    const identity = owner ?? covered.identity ?? this.#options.fallback;
    const isOutside = this.outside.includes(identity);
    const named = this.#names.at(prefix, this.#tokens);
    const isOnlyNamed = owner === undefined && !covered.isExact;
    if (isOnlyNamed && (named.length === 0 || (!isOutside && !this.grantsInside))) return null;
    const outside = [...covered.said, ...named].sort();
    return { prefix, identity, tokens: isOutside ? outside : this.#inside(outside), outside, isOnlyNamed };
  }

  /** Replaces all known prefixes but leaves the kernel as it is until {@link setTokens}. */
  resetKnown(known: readonly KnownPrefix[]): void {
    this.#settled = false;
    this.#covering = null;
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

  /** @param isReady whether policy knows a class; missing: it knows all. */
  #reconcile(isReady?: (addressClass: number) => boolean): void {
    const { entries, classes, lasting, waiting, onlyNamed } = this.#plan(this.#tokens, isReady);
    this.#classes = classes;
    this.#lasting = lasting;
    this.#waiting = waiting;
    this.#onlyNamed = onlyNamed;
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
