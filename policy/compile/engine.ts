import type { AddressToken } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import type { HostFailsafe } from "#policy/model/failsafe.ts";
import { type Governed, isNodeSubject, type NamedPort, type Subject } from "#policy/model/identity.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { RESERVED_PARTIES, reservedIdentities } from "#policy/model/reserved.ts";
import type { Policy } from "#policy/model/rule.ts";
import { matchesSelector } from "#policy/model/selector.ts";
import { type CidrMatchesPods, Conversion } from "./conversion.ts";
import { ANY_PEER, type CompiledPolicy, type EntryTemplate, type PolicyEntry } from "./entry.ts";
import { failsafePolicy } from "./failsafe.ts";
import { addressTokens, AddressMatches } from "./address-match.ts";
import { PeerIndex } from "./peer-index.ts";
import { PolicyTooLargeError } from "./errors.ts";
import { PodIndex } from "./pod-index.ts";
import { type NumberedPolicy, PolicyTable } from "./policy-table.ts";
import { filedPeers, type PolicyView } from "./policy-view.ts";
import { RuleSets } from "./rule-sets.ts";
import { SubjectPolicy } from "./subject-policy.ts";

/** What becomes of pods that no policy selects, and of those that one does. */
export type Enforcement = "default" | "always" | "never";

export interface EngineOptions {
  readonly enforcement?: Enforcement;
  /** Whether rules about addresses speak of pods and nodes: as their language says, or always, or never. */
  readonly cidrMatchesPods?: CidrMatchesPods;
  /** Nothing is enforced: everything counts as staged, the isolation that {@link enforcement} asks for, too. */
  readonly audit?: boolean;
  /** Milliseconds since 1970: rules that have ended by then do not count. Missing: none has. */
  readonly at?: number;
  /** What stays open at a node that policies select; missing: nothing. */
  readonly hostFailsafe?: HostFailsafe;
}

/** What engines that come one from another have in common. Only ever grows. */
interface Workshop {
  readonly namespaces: Namespaces;
  readonly peers: PeerIndex;
  readonly addresses: AddressMatches;
  readonly sets: RuleSets;
  readonly failsafe: Policy | null;
  readonly table: PolicyTable;
  /** Numbers of the policies whose peers {@link peers} knows. */
  readonly filed: Set<number>;
  /** By key. */
  readonly subjects: Map<string, SubjectPolicy>;
}

/**
 * Computes what a pod's policy says about each peer. The objects are fixed for the life of an engine,
 * and {@link evolve} makes one for others at a cost in proportion to what differs; identities and
 * address classes come and go, each at a cost in proportion to the rules that match it.
 *
 * An entry of a policy map is found by three look-ups (the peer's identity, its address
 * class, {@link ANY_PEER}), each of which takes the longest match. The highest precedence
 * of the three decides; all rules of all three that have it are the reason. Where it says
 * `pass`, the same is done with what the three say below: see {@link PolicyEntry.below}.
 */
export class PolicyEngine {
  readonly #options: EngineOptions;
  readonly #workshop: Workshop;
  readonly #objects: readonly PolicyObject[];
  readonly #policies: ReadonlyMap<number, NumberedPolicy>;
  readonly #selecting: PodIndex<number>;
  /** Numbers of the policies about nodes. */
  readonly #ofNodes: number[] = [];
  readonly #subjectOf = new WeakMap<Governed, SubjectPolicy>();
  #tokens: readonly AddressToken[] | null = null;
  /** See {@link MOST_COMPARISONS}; each view counts once. */
  readonly #counted = new Set<PolicyView>();
  #comparisons = 0;
  #expires: number | null | undefined;

  constructor(objects: Iterable<PolicyObject>, options: EngineOptions = {}, workshop: Workshop | null = null) {
    this.#objects = [...objects];
    this.#options = options;
    this.#workshop = workshop ?? newWorkshop(this.#objects, options);
    const { namespaces, table } = this.#workshop;
    this.#selecting = new PodIndex(namespaces);
    const read = options.enforcement === "never" ? [] : table.read(this.#objects, options.at ?? null);
    this.#policies = new Map(read.map((numbered) => [numbered.number, numbered]));
    for (const { number, policy } of this.#policies.values()) {
      if (policy.subjects.kind === "pods") this.#selecting.add(policy.subjects, number);
      else this.#ofNodes.push(number);
      this.#file(number, policy);
    }
  }

  /**
   * An engine for other objects. It shares with this one the identities and address classes that
   * either is told of, and all that it has computed; so only one of the two should live on.
   */
  evolve(objects: Iterable<PolicyObject>, options: Pick<EngineOptions, "at"> = {}): PolicyEngine {
    const all = [...objects];
    const { table } = this.#workshop;
    const isWornOut = table.size > 2 * this.#policies.size + SLACK;
    const workshop = isWornOut || !sameNamespaces(all, this.#objects) ? null : this.#workshop;
    return new PolicyEngine(all, { ...this.#options, ...options }, workshop);
  }

  /** Everything that rules say of addresses, exceptions included, sorted. */
  get tokens(): readonly AddressToken[] {
    if (this.#tokens) return this.#tokens;
    const tokens = new Set<AddressToken>();
    for (const { policy } of this.#policies.values()) {
      for (const { peers } of policy.rules) {
        for (const peer of peers ?? []) for (const token of addressTokens(peer)) tokens.add(token);
      }
    }
    return (this.#tokens = [...tokens].sort());
  }

  /** How, and as of when, it reads the objects. */
  get options(): EngineOptions {
    return this.#options;
  }

  /** When the first rule that is still in force ends: milliseconds since 1970; null: none does. */
  get expires(): number | null {
    if (this.#expires !== undefined) return this.#expires;
    let first = Infinity;
    for (const { policy } of this.#policies.values()) {
      const { rules, requires } = policy;
      for (const { controls } of [...rules, ...requires.ingress, ...requires.egress]) {
        first = Math.min(first, controls.notAfter ?? Infinity);
      }
    }
    return (this.#expires = first === Infinity ? null : first);
  }

  /** Everything in force, and what is only staged. */
  get policies(): Policy[] {
    return [...this.#policies.values()].map(({ policy }) => policy);
  }

  /** Grows whenever an identity or an address class comes to be known, changes or goes. */
  get version(): number {
    return this.#workshop.peers.version;
  }

  /** Whether an identity or address class is known. */
  knows(peer: number): boolean {
    return this.#workshop.peers.kindOf(peer) !== undefined;
  }

  /** The policies that govern a pod or a node, staged ones included. */
  governing(subject: Governed): Policy[] {
    return this.#governing(subject).map((number) => (this.#policies.get(number) as NumberedPolicy).policy);
  }

  /** Makes a pod identity known, or changes what it stands for. */
  addIdentity(id: number, subject: Subject): void {
    this.#workshop.peers.addIdentity(id, subject);
  }

  removeIdentity(id: number): void {
    this.#workshop.peers.remove(id);
  }

  /**
   * Makes known who an identity is that is no pod. The fixed numbers are known from the start,
   * without labels.
   */
  addReserved(id: number, party: Pick<Party, "reserved" | "nodeLabels">): void {
    this.#workshop.peers.addReserved(id, party);
  }

  /**
   * Makes an address class known, or changes what it stands for.
   *
   * @param tokens Those of {@link tokens} that hold for the addresses of the class.
   * @param namedPorts Of the pods on these addresses, where a class is that fine: then
   *   egress rules to an address block can speak of ports by name.
   */
  addClass(id: number, tokens: readonly AddressToken[], namedPorts: readonly NamedPort[] = NO_PORTS): void {
    this.#workshop.peers.addClass(id, tokens, namedPorts);
  }

  removeClass(id: number): void {
    this.#workshop.peers.remove(id);
  }

  /** Subjects with the same key have the same compiled policy in this engine. */
  policyKey(subject: Governed): string {
    return this.#policyOf(subject).key;
  }

  /**
   * The whole policy of a pod, or of a node as policies with a node selector say it.
   *
   * @throws PolicyTooLargeError before it does what would take too long.
   */
  compile(subject: Governed): CompiledPolicy {
    const { enforced, staged } = this.#policyOf(subject);
    return { entries: this.#all(enforced), selects: enforced.selects, staged: staged && this.#all(staged) };
  }

  /**
   * The entries of one peer in the policy of a pod: what to add to a live policy map when
   * the peer is new, and what to take out of it before the peer is removed here.
   */
  entriesFor(subject: Governed, peer: number): PolicyEntry[] {
    return this.#entriesOf(this.#policyOf(subject).enforced, peer);
  }

  /** As {@link entriesFor}, of what is only staged; null where nothing is. */
  stagedEntriesFor(subject: Governed, peer: number): PolicyEntry[] | null {
    const { staged } = this.#policyOf(subject);
    return staged && this.#entriesOf(staged, peer);
  }

  /** Peers of rules before identities: that is cheaper than the other way round. */
  #file(number: number, { rules }: Policy): void {
    const { filed, peers } = this.#workshop;
    if (filed.has(number)) return;
    filed.add(number);
    for (const rule of rules) for (const peer of filedPeers(rule)) peers.matcher(peer);
  }

  #all(view: PolicyView): PolicyEntry[] {
    this.#refuseTooLarge(view);
    const entries: PolicyEntry[] = [];
    appendEntries(entries, ANY_PEER, view.anyPeer());
    for (const kind of this.#workshop.peers.kindsOf(view.matchers, view.tokens)) {
      const templates = view.peerOf(kind);
      for (const peer of kind.members) appendEntries(entries, peer, templates);
    }
    return entries;
  }

  #refuseTooLarge(view: PolicyView): void {
    if (this.#counted.has(view)) return;
    const { comparisons } = view;
    if (this.#comparisons + comparisons > MOST_COMPARISONS) {
      const heaviest = view.heaviest();
      if (heaviest) throw new PolicyTooLargeError(heaviest.policy, heaviest.comparisons, MOST_COMPARISONS);
    }
    this.#counted.add(view);
    this.#comparisons += comparisons;
  }

  #entriesOf(view: PolicyView, peer: number): PolicyEntry[] {
    const entries: PolicyEntry[] = [];
    const kind = this.#workshop.peers.kindOf(peer);
    if (peer === ANY_PEER) appendEntries(entries, peer, view.anyPeer());
    else if (kind) appendEntries(entries, peer, view.peerOf(kind));
    return entries;
  }

  /** Numbers of policies. */
  #governing(subject: Governed): readonly number[] {
    if (!isNodeSubject(subject)) return this.#selecting.find(subject);
    return this.#ofNodes.filter((number) => {
      const subjects = this.#policies.get(number)?.policy.subjects;
      return subjects?.kind === "nodes" && matchesSelector(subjects.labels, subject.nodeLabels);
    });
  }

  #policyOf(subject: Governed): SubjectPolicy {
    const known = this.#subjectOf.get(subject);
    if (known) return known;
    const policy = this.#policyBy(this.#governing(subject), subject);
    this.#subjectOf.set(subject, policy);
    return policy;
  }

  #policyBy(numbers: readonly number[], subject: Governed): SubjectPolicy {
    const selecting = numbers.toSorted((a, b) => a - b).map((number) => this.#policies.get(number) as NumberedPolicy);
    const key = SubjectPolicy.keyOf(selecting, subject);
    const { subjects } = this.#workshop;
    let policy = subjects.get(key);
    if (!policy) {
      const isNode = isNodeSubject(subject);
      const isAlways = this.#options.enforcement === "always" && !isNode;
      const always = { enforced: isAlways && !this.#options.audit, staged: isAlways };
      const failsafe = isNode ? this.#workshop.failsafe : null;
      const ports = isNode ? NO_PORTS : subject.namedPorts;
      policy = new SubjectPolicy(key, selecting, ports, this.#workshop, always, failsafe);
      subjects.set(key, policy);
    }
    return policy;
  }
}

const NO_PORTS: readonly NamedPort[] = [];
/** So many times at most claims of rules are compared with classes of addresses, over all policies that an engine compiles. */
export const MOST_COMPARISONS = 8_000_000;
/** So many policies that are gone are kept in any case. */
const SLACK = 1000;

function newWorkshop(
  objects: readonly PolicyObject[],
  { cidrMatchesPods, audit, hostFailsafe }: EngineOptions,
): Workshop {
  const namespaces = new Namespaces(objects);
  const peers = new PeerIndex(namespaces);
  for (const party of RESERVED_PARTIES) peers.addReserved(reservedIdentities[party], { reserved: party });
  const table = new PolicyTable(new Conversion(cidrMatchesPods, audit));
  const [addresses, sets] = [new AddressMatches(), new RuleSets()];
  const failsafe = hostFailsafe ? failsafePolicy(hostFailsafe) : null;
  return { namespaces, peers, addresses, sets, table, failsafe, filed: new Set(), subjects: new Map() };
}

function sameNamespaces(a: readonly PolicyObject[], b: readonly PolicyObject[]): boolean {
  const known = new Set(b.filter(({ kind }) => kind === "Namespace"));
  const wanted = a.filter(({ kind }) => kind === "Namespace");
  return wanted.length === known.size && wanted.every((one) => known.has(one));
}

function appendEntries(entries: PolicyEntry[], peer: number, templates: readonly EntryTemplate[]): void {
  for (const template of templates) {
    const {
      direction,
      protocol,
      port,
      portBits,
      verdict,
      precedence,
      rules,
      isPlain,
      failsOpen,
      notAfter,
      limit,
      below,
    } = template;
    entries.push({
      peer,
      direction,
      protocol,
      port,
      portBits,
      verdict,
      precedence,
      rules,
      isPlain,
      failsOpen,
      notAfter,
      limit,
      below,
    });
  }
}
