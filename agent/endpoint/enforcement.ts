import type { EndpointState, Kernel, SlotEntry } from "#agent/datapath/kernel.ts";
import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyEntry } from "#policy/compile/entry.ts";
import type { Governed, Subject } from "#policy/model/identity.ts";
import { compiling, EndpointError } from "./errors.ts";
import { splitEntries } from "./class-splits.ts";
import type { Changes, EnforcementOptions, PolicyChange } from "./enforcement-options.ts";
import { type EnforcementState, EnforcementViews, type Guarded, type SharedSlot } from "./enforcement-views.ts";
import { type GuardedEnd, type GuardedEndpoint, knownPrefixes, sameState, settled } from "./guarded-endpoint.ts";
import { guardsHost, HOST, hostEndpoint } from "./host-endpoint.ts";
import { type Becoming, finishChange, halfWay } from "./moves.ts";
import { moveOutsiders, outsiderAt, type OutsiderPlan } from "./outsiders.ts";
import { addPeer, collectNames, type LiveSlots, setNames, yieldingNames } from "./live-peers.ts";
import { entryNumbers, type EntryNumbers, toSlotEntry } from "./slot-entry.ts";
import { SlotContent, SlotTable } from "./slot-table.ts";
import {
  type Compiled,
  type Judged,
  type Prepared,
  movesOf,
  refuseTooLarge,
  wantedPolicies,
} from "./wanted-policies.ts";

/**
 * Brings policy into the kernel. Callers run its methods one at a time.
 *
 * A change of policy, however many endpoints it touches, is one transaction: a packet
 * is judged by the old policy or by the new one, at both its ends. See
 * {@link Enforcement.replacePolicy}. A new identity or address class only adds entries
 * to live slots, before any address has it.
 */
export class Enforcement {
  readonly views = new EnforcementViews(() => this.#state());
  readonly #kernel: Kernel;
  readonly #addresses: AddressSpace;
  readonly #numbers: EntryNumbers;
  readonly #redirected: EnforcementOptions["redirected"];
  #reserved: readonly KnownPrefix[];
  readonly #slots: SlotTable;
  readonly #nodeIdentity: number;
  #nodePrefixes = new Set<string>();
  #outsiders: OutsiderPlan = { prefixes: [], parties: new Map(), ownLabels: {} };
  readonly #endpoints = new Map<number, Guarded>();
  /** Identities that entries may name, with their subjects. */
  readonly #identities = new Map<number, Subject>();
  /** The slot that serves all subjects with one policy key. */
  readonly #slotByKey = new Map<string, SharedSlot>();
  #engine: PolicyEngine;
  /** A change has begun to write and has not ended: the records' two sides may differ. */
  #isTorn = false;
  /** The classes of the latest plan. */
  #planned: readonly number[] = [];
  /** Why the policy of the start is not in force; what an earlier life left is. */
  #refused: EndpointError | null = null;

  constructor(engine: PolicyEngine, options: EnforcementOptions) {
    this.#engine = engine;
    this.#kernel = options.kernel;
    this.#addresses = options.addresses;
    this.#numbers = entryNumbers(options);
    this.#redirected = options.redirected;
    this.#reserved = options.reserved;
    this.#slots = new SlotTable(options.kernel.policies);
    this.#nodeIdentity = options.nodeIdentity;
    this.#nodePrefixes = new Set(
      options.nodeAddresses.map((address) => `${address}/${address.includes(":") ? 128 : 32}`),
    );
    this.#addresses.resetKnown(this.#fixedPrefixes());
  }

  /** Who has addresses that are neither a pod's nor the node's own. */
  get outsiders(): OutsiderPlan {
    return this.#outsiders;
  }

  get engine(): PolicyEngine {
    return this.#engine;
  }

  /**
   * Takes over what runs already: `endpoints` are the records that survived, `engine`
   * the policy as it is now. What the kernel holds and is right stays untouched.
   *
   * When the policy does not fit, what the kernel holds stays in force, and no endpoint can
   * join until {@link replacePolicy} has brought one that does.
   *
   * @param names DNS names that addresses have; see {@link setNames}.
   * @returns why the policy is not in force; null when it is.
   */
  async restore(
    engine: PolicyEngine,
    endpoints: readonly GuardedEndpoint[],
    outsiders: OutsiderPlan = this.#outsiders,
    names: ReadonlyMap<string, readonly string[]> = new Map(),
  ): Promise<EndpointError | null> {
    const inKernel = this.#kernel.endpoints.read();
    const parity = Number(this.#kernel.control.generation() & 1n);
    await finishChange(this.#kernel, inKernel, parity);
    for (const endpoint of endpoints) {
      this.#identities.set(endpoint.identity, endpoint.subject);
      const there = inKernel.get(endpoint.id);
      const identity = there?.identity[parity] ?? endpoint.identity;
      this.#endpoints.set(endpoint.id, { endpoint, identity, slot: there?.policy[parity] ?? 0 });
    }
    this.#restoreHost(inKernel.get(HOST), parity);
    for (const [id, state] of inKernel) {
      if (!this.#endpoints.has(id)) this.#kernel.endpoints.remove(state);
    }
    // A write or removal that was cut short leaves some records of an endpoint, and its number may be another's by now.
    this.#kernel.endpoints.removeAllBut(new Set(endpoints.map(({ incarnation }) => incarnation)));
    // Pods' and the node's own addresses are theirs, whatever objects say.
    const own = [...this.#fixedPrefixes(), ...endpoints.flatMap(knownPrefixes)];
    this.#addresses.resetKnown([...outsiders.prefixes, ...own]);
    this.#addresses.resetNames(names);
    try {
      await this.#replace(engine, { always: false, outsiders }, true);
      return null;
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      this.#refused = error;
      return error;
    }
  }

  /** What an earlier life left of the node's own guard stays until the policy of now is in force. */
  #restoreHost(there: EndpointState | undefined, parity: number): void {
    if (!there) return;
    const endpoint = hostEndpoint(this.#nodePrefixes, this.#outsiders.ownLabels);
    const slot = there.policy[parity] ?? 0;
    this.#endpoints.set(HOST, { endpoint, identity: endpoint.identity, slot });
    this.#removeHostAddresses(there, endpoint);
  }

  #removeHostAddresses(before: EndpointState, now: GuardedEnd): void {
    const gone = before.nodeAddresses?.filter((address) => !now.nodeAddresses?.includes(address)) ?? [];
    if (gone.length > 0) this.#kernel.endpoints.remove({ ...before, nodeAddresses: gone });
  }

  /**
   * Puts a new policy in force, as one transaction.
   *
   *  1. Compile everything, and refuse the whole if something does not fit. Nothing is
   *     written until then, and until the proxy has the rules that are new to it.
   *  2. Split the address classes as finely as old and new rules together need, first in
   *     the live slots (a split class judges as the class it comes from), then in the
   *     ipcache. No verdict changes.
   *  3. Make new slots for policies that differ from what their endpoints have.
   *  4. Write these slots, and who endpoints become, into their records under the parity not in force.
   *  5. One store: the generation. From here the new policy is in force.
   *  6. When no program runs that read the old generation: the other parity, then
   *     remove old slots, and join the classes that nobody tells apart any more.
   *
   * @throws EndpointError `policy-too-large` from step 1.
   */
  async replacePolicy(next: PolicyEngine, change: PolicyChange): Promise<void> {
    // After a refused start the records are still those of an earlier life.
    await this.#replace(next, change, this.#refused !== null);
  }

  /** @param restoring records in the kernel may be other than this object believes. */
  async #replace(next: PolicyEngine, change: PolicyChange, restoring: boolean): Promise<void> {
    const { always, joining = [], outsiders = this.#outsiders } = change;
    const { control } = this.#kernel;
    const { wanted, splits, classes, final } = this.#prepare(next, change);
    await this.#redirected.told();
    if (this.#isTorn)
      await finishChange(this.#kernel, this.#kernel.endpoints.read(), Number(control.generation() & 1n));
    this.#isTorn = true;
    const isHostGuarded = guardsHost(next, outsiders);
    if (isHostGuarded && !this.#endpoints.has(HOST)) await this.#admitHost();
    for (const [slot, entries] of splits) this.#slots.add(slot, entries);
    this.#addresses.setTokens([...new Set([...this.#addresses.tokens, ...next.tokens])]);
    this.#redirected.speakOf(this.views.nameRules());

    const fresh = [...wanted.values()].filter((policy) => policy.slot === null);
    const numbers = await this.#slots.insert(fresh.map((policy) => policy.content));
    for (const [index, policy] of fresh.entries()) policy.slot = numbers[index] as number;

    const moves = movesOf(next, this.#judgedBy(next, { joining, outsiders }), wanted);
    const advance = always || moves.length > 0;
    if (advance) {
      const inactive = Number((control.generation() + 1n) & 1n);
      for (const move of moves) this.#kernel.endpoints.write(halfWay(move, inactive));
      control.advanceGeneration();
    }
    // What is in force is known from here on, whatever fails below.
    for (const { guarded, ...now } of moves) Object.assign(guarded, now);
    this.#engine = next;
    this.#refused = null;
    for (const { identity, subject } of joining) this.#identities.set(identity, subject);
    this.#slotByKey.clear();
    for (const [key, { slot, subject, selects }] of wanted) {
      this.#slotByKey.set(key, { slot: slot as number, subject, selects });
    }

    if (advance) await this.#kernel.policies.barrier();
    for (const { endpoint, slot } of moves) {
      this.#kernel.endpoints.write(settled(endpoint, slot));
      for (const { prefix, identity } of knownPrefixes(endpoint)) this.#addresses.setKnown(prefix, identity);
    }
    if (restoring) this.#writeStale();
    this.#isTorn = false;
    await this.#forgetUnused();

    this.#addresses.setTokens(next.tokens);
    this.#addresses.isTight = false;
    const gone = new Set([...classes.keys()].filter((id) => !final.has(id)));
    this.#slots.removePeers(gone);
    for (const id of gone) next.removeClass(id);
    this.#setOutsiders(outsiders);
    this.#addresses.releaseClasses();
    this.#redirected.speakOf(this.views.nameRules());
    if (!isHostGuarded) this.remove(HOST);
  }

  /** Under the policy in force, which lets everything through: then the next one comes for the node as for any endpoint. */
  async #admitHost(): Promise<void> {
    const endpoint = hostEndpoint(this.#nodePrefixes, this.#outsiders.ownLabels);
    const slot = await this.#slotFor(endpoint.subject);
    this.#endpoints.set(HOST, { endpoint, slot, identity: endpoint.identity });
    this.#kernel.endpoints.write(settled(endpoint, slot));
  }

  /** Who is to be judged by a policy: the endpoints, and the node where it selects it. */
  #judgedBy(next: PolicyEngine, { joining = [], outsiders = this.#outsiders }: Changes): Judged {
    const becoming = new Map<number, Becoming>(joining.map((one) => [one.id, one]));
    const endpoints = [...this.#endpoints.values()];
    const host = hostEndpoint(this.#nodePrefixes, outsiders.ownLabels);
    const { identity, subject } = host;
    const known = this.#endpoints.get(HOST)?.endpoint.subject;
    if (known && JSON.stringify(known) !== JSON.stringify(subject)) becoming.set(HOST, { id: HOST, identity, subject });
    if (!known && guardsHost(next, outsiders)) endpoints.push({ endpoint: host, identity, slot: 0 });
    return { endpoints, becoming };
  }

  /**
   * Lets an endpoint take part, or gives it another identity: when this resolves, its policy is in force and every
   * other endpoint's policy knows it. No packet of it may have been let through before.
   *
   * @throws EndpointError `policy-too-large` when its identity's entries do not fit.
   */
  async add(endpoint: GuardedEndpoint): Promise<void> {
    if (this.#refused) throw EndpointError.notGuardable(this.#refused);
    await this.#learn(endpoint.identity, endpoint.subject);
    const slot = await this.#slotFor(endpoint.subject);
    this.#endpoints.set(endpoint.id, { endpoint, slot, identity: endpoint.identity });
    this.#kernel.endpoints.write(settled(endpoint, slot));
    for (const { prefix, identity } of knownPrefixes(endpoint)) {
      this.#addresses.setKnown(prefix, identity);
      this.#kernel.control.raiseEpoch(prefix);
    }
  }

  /** Takes an endpoint out; its connections no longer hold, and are the caller's to remove. Idempotent. */
  remove(id: number): void {
    const guarded = this.#endpoints.get(id);
    if (!guarded) return;
    this.#endpoints.delete(id);
    const { endpoint, slot } = guarded;
    this.#kernel.endpoints.remove(settled(endpoint, slot));
    for (const { prefix } of knownPrefixes(endpoint)) {
      this.#addresses.removeKnown(prefix, outsiderAt(this.#outsiders, prefix));
      this.#kernel.control.raiseEpoch(prefix);
    }
  }

  /** Says which addresses are the node's own now. */
  setNodeAddresses(addresses: readonly string[]): void {
    const wanted = new Set(addresses.map((address) => `${address}/${address.includes(":") ? 128 : 32}`));
    const host = this.#endpoints.get(HOST);
    if (host) {
      const before = settled(host.endpoint, host.slot);
      host.endpoint = { ...host.endpoint, nodeAddresses: hostEndpoint(wanted, {}).nodeAddresses ?? [] };
      this.#kernel.endpoints.write(settled(host.endpoint, host.slot));
      this.#removeHostAddresses(before, host.endpoint);
    }
    // After the records: this makes verdicts void that were found without them.
    for (const prefix of this.#nodePrefixes)
      if (!wanted.has(prefix)) this.#addresses.removeKnown(prefix, outsiderAt(this.#outsiders, prefix));
    for (const prefix of wanted) this.#addresses.setKnown(prefix, this.#nodeIdentity);
    this.#nodePrefixes = wanted;
  }

  /** Says which prefixes have a fixed owner now. @throws MapFullError: to be tried again. */
  setReserved(prefixes: readonly KnownPrefix[]): void {
    const wanted = new Set(prefixes.map(({ prefix }) => prefix));
    const gone = this.#reserved.filter(({ prefix }) => !wanted.has(prefix)).map(({ prefix }) => prefix);
    this.#reserved = prefixes;
    this.#addresses.setRanges(prefixes, gone);
  }

  /**
   * Says which DNS names addresses have from now on; none: they have no more. When it returns, rules that speak of
   * the names count for the next packet to the address.
   *
   * @returns the addresses of which they do not, because policy has no room for what they need: {@link collect} tries again.
   */
  async setNames(changes: ReadonlyMap<string, readonly string[]>): Promise<Set<string>> {
    const waiting = setNames(changes, this.#addresses, this.#live());
    // Nobody has the addresses before this resolves.
    await this.#redirected.told();
    return waiting;
  }

  /** Forgets identities, slots and classes that nobody has any more. */
  async collect(): Promise<void> {
    collectNames(this.#addresses, this.#live());
    this.#redirected.speakOf(this.views.nameRules());
    const used = new Set([...this.#endpoints.values()].map(({ endpoint }) => endpoint.identity));
    const unused = new Set([...this.#identities.keys()].filter((identity) => !used.has(identity)));
    this.#slots.removePeers(unused);
    for (const identity of unused) {
      this.#engine.removeIdentity(identity);
      this.#identities.delete(identity);
    }
    const keys = new Set([...this.#endpoints.values()].map(({ endpoint }) => this.#engine.policyKey(endpoint.subject)));
    for (const key of this.#slotByKey.keys()) if (!keys.has(key)) this.#slotByKey.delete(key);
    await this.#forgetUnused();
  }

  /**
   * Would {@link replacePolicy} take these objects? Writes nothing.
   *
   * @throws EndpointError `policy-too-large`.
   */
  checkPolicy(next: PolicyEngine, change: Changes): void {
    this.#prepare(next, change);
    this.#addresses.isTight = false;
    this.#forgetPlanned(next, change);
  }

  /**
   * The policy in force knows both who was there and who comes. The ipcache has one side: until it is
   * written, and so for a moment after the generation, the new policy judges nodes as they were.
   */
  #setOutsiders(outsiders: OutsiderPlan): void {
    const before = this.#outsiders;
    this.#outsiders = outsiders;
    const own = new Set(this.#nodePrefixes);
    for (const { endpoint } of this.#endpoints.values())
      for (const { prefix } of knownPrefixes(endpoint)) own.add(prefix);
    const gone = moveOutsiders(this.#addresses, before, outsiders, own);
    this.#slots.removePeers(gone);
    for (const identity of gone) this.#engine.removeIdentity(identity);
  }

  #state(): EnforcementState {
    return {
      kernel: this.#kernel,
      addresses: this.#addresses,
      slots: this.#slots,
      identities: this.#identities,
      endpoints: this.#endpoints,
      slotByKey: this.#slotByKey,
      engine: this.#engine,
      fixedPrefixes: this.#fixedPrefixes(),
      nodeIdentity: this.#nodeIdentity,
      outsiders: this.#outsiders,
      refused: this.#refused,
      boot: this.#numbers.boot,
    };
  }

  #fixedPrefixes(): KnownPrefix[] {
    const own = [...this.#nodePrefixes].map((prefix) => ({ prefix, identity: this.#nodeIdentity }));
    return [...this.#reserved, ...own];
  }

  readonly #entry = (entry: PolicyEntry): SlotEntry => toSlotEntry(entry, this.#numbers);

  /** Step 1 of {@link replacePolicy}. */
  #prepare(next: PolicyEngine, change: Changes): Prepared {
    const plan = (): Prepared => compiling(() => this.#plan(next, change));
    return yieldingNames(this.#addresses, plan, () => this.#forgetPlanned(next, change));
  }

  /** Takes back what {@link #plan} told an engine, which may share it with the one in force. */
  #forgetPlanned(next: PolicyEngine, { joining = [], outsiders }: Changes): void {
    for (const identity of outsiders?.parties.keys() ?? []) next.removeIdentity(identity);
    this.#tellOutsiders(next, this.#outsiders);
    for (const { identity } of joining) {
      const known = this.#identities.get(identity);
      if (known) next.addIdentity(identity, known);
      else next.removeIdentity(identity);
    }
    const used = this.#addresses.classesInUse();
    for (const id of this.#planned) if (!used.has(id)) next.removeClass(id);
    for (const [id, said] of used) next.addClass(id, said);
  }

  #tellOutsiders(engine: PolicyEngine, { parties, ownLabels }: OutsiderPlan): void {
    for (const [identity, party] of parties) engine.addReserved(identity, party);
    engine.addReserved(this.#nodeIdentity, { reserved: "host", nodeLabels: ownLabels });
  }

  #plan(next: PolicyEngine, { joining = [], outsiders }: Changes): Prepared {
    this.#tellOutsiders(next, this.#outsiders);
    if (outsiders) this.#tellOutsiders(next, outsiders);
    const tokens = [...new Set([...this.#addresses.tokens, ...next.tokens])];
    const { needed, fits } = this.#addresses.room(tokens, outsiders?.prefixes ?? []);
    if (!fits) throw EndpointError.tooManyPrefixes(needed, this.#addresses.capacity);
    const union = this.#addresses.plannedClasses(tokens);
    const final = this.#addresses.plannedClasses(next.tokens);
    const identities = new Map(this.#identities);
    for (const { identity, subject } of joining) identities.set(identity, subject);
    for (const [identity, subject] of identities) next.addIdentity(identity, subject);
    const classes = new Map([...this.#addresses.classesInUse(), ...union, ...final]);
    this.#planned = [...classes.keys()];
    for (const [id, said] of classes) {
      if (this.#addresses.isTight && !union.has(id) && !final.has(id)) next.removeClass(id);
      else next.addClass(id, said);
    }
    const judged = this.#judgedBy(next, { joining, ...(outsiders && { outsiders }) });
    const wanted = wantedPolicies(next, judged, this.#slots, (subject) => this.#compile(next, subject));
    const splits = splitEntries(this.#slots, this.#addresses, union);
    refuseTooLarge(this.#slots, wanted, splits);
    return { wanted, splits, classes, final };
  }

  /** Writes the records that an earlier life left other than, under both parities, they should be. */
  #writeStale(): void {
    const inKernel = this.#kernel.endpoints.read();
    for (const { endpoint, slot } of this.#endpoints.values()) {
      const state = inKernel.get(endpoint.id);
      if (!state || !sameState(state, endpoint, slot)) {
        this.#kernel.endpoints.write(settled(endpoint, slot));
        for (const { prefix } of knownPrefixes(endpoint)) this.#kernel.control.raiseEpoch(prefix);
      }
    }
  }

  /** Compiles an endpoint's policy into a slot of its own making; whatever the kernel held for it is gone. */
  async regenerate(id: number): Promise<void> {
    const guarded = this.#endpoints.get(id);
    if (this.#refused || !guarded) throw EndpointError.notRegenerable(id, this.#refused);
    const { subject } = guarded.endpoint;
    const before = guarded.slot;
    const { content, selects } = this.#compile(this.#engine, subject);
    await this.#redirected.told();
    const [slot] = (await this.#slots.insert([content])) as [number];
    this.#slotByKey.set(this.#engine.policyKey(subject), { slot, subject, selects });
    for (const sharing of this.#endpoints.values()) if (sharing.slot === before) sharing.slot = slot;
    this.#writeStale();
    await this.#forgetUnused();
  }

  async #forgetUnused(): Promise<void> {
    const used = new Set([...this.#endpoints.values()].map(({ slot }) => slot));
    for (const { slot } of this.#slotByKey.values()) used.add(slot);
    await this.#slots.delete(this.#slots.numbers().filter((slot) => !used.has(slot)));
  }

  /** Puts a new identity into the live slots. */
  async #learn(identity: number, subject: Subject): Promise<void> {
    const known = this.#identities.get(identity);
    if (known && JSON.stringify(known) === JSON.stringify(subject)) return;
    // The number has stood for somebody else before it came back.
    if (known) this.#slots.removePeers(new Set([identity]));
    this.#engine.addIdentity(identity, subject);
    try {
      await addPeer(identity, this.#live(), () => this.#redirected.told());
    } catch (error) {
      this.#engine.removeIdentity(identity);
      throw error;
    }
    this.#identities.set(identity, subject);
  }

  #live(): LiveSlots {
    const [engine, slots, isRefused] = [this.#engine, this.#slots, this.#refused !== null];
    return { engine, slots, shared: [...this.#slotByKey.values()], entry: this.#entry, isRefused };
  }

  async #slotFor(subject: Governed): Promise<number> {
    const key = this.#engine.policyKey(subject);
    const known = this.#slotByKey.get(key);
    if (known) return known.slot;
    const { content, selects } = this.#compile(this.#engine, subject);
    const { capacity } = this.#slots;
    if (content.entries.size > capacity) throw EndpointError.policyTooLarge(subject, content.entries.size, capacity);
    await this.#redirected.told();
    const [slot] = (await this.#slots.insert([content])) as [number];
    this.#slotByKey.set(key, { slot, subject, selects });
    return slot;
  }

  #compile(engine: PolicyEngine, subject: Governed): Compiled {
    const { entries, selects } = compiling(() => engine.compile(subject));
    return { subject, selects, content: new SlotContent(entries.map(this.#entry)) };
  }
}
