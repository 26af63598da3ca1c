import type { NamedPort, Subject } from "#policy/model/identity.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { Action, Direction, Policy, Rule } from "#policy/model/rule.ts";
import { PeerIndex, type PeerKind } from "./peer-index.ts";
import { PodIndex } from "./pod-index.ts";
import { policiesOf } from "./policies.ts";
import { RuleSets } from "./rule-sets.ts";
import { type EntryTemplate, SubjectPolicy } from "./subject-policy.ts";

/** The peer of an entry that holds for every peer. */
export const ANY_PEER = 0;

/** One entry of a policy map, before it has a byte layout. */
export interface PolicyEntry {
  /** Identity, address class, or {@link ANY_PEER}. */
  readonly peer: number;
  readonly direction: Direction;
  /** IP protocol number; 0: any, and then no port bits. */
  readonly protocol: number;
  /** Host order; the bits beyond `portBits` are zero. */
  readonly port: number;
  /** Leading bits of the port that count: 0 (any port) to 16. */
  readonly portBits: number;
  readonly verdict: Action;
  readonly precedence: number;
  /** The rules that decide this traffic, as they are reported. Two equal sets are the same array; empty: no rule. */
  readonly rules: readonly Rule[];
}

export interface CompiledPolicy {
  readonly entries: PolicyEntry[];
  /** Directions in which what no entry allows is denied. */
  readonly selects: Readonly<Record<Direction, boolean>>;
}

/** What becomes of pods that no policy selects, and of those that one does. */
export type Enforcement = "default" | "always" | "never";

/**
 * Computes what a pod's policy says about each peer. The objects are fixed for the life
 * of an engine; identities and address classes come and go, each at a cost in proportion
 * to the rules that match it.
 *
 * An entry of a policy map is found by three look-ups (the peer's identity, its address
 * class, {@link ANY_PEER}), each of which takes the longest match. The highest precedence
 * of the three decides; all rules of all three that have it are the reason.
 */
export class PolicyEngine {
  /** Every CIDR that a rule speaks of, exceptions included: canonical texts, sorted. */
  readonly cidrs: readonly string[];
  readonly #enforcement: Enforcement;
  readonly #policies: readonly Policy[];
  readonly #selecting: PodIndex<number>;
  readonly #peers: PeerIndex;
  readonly #sets: RuleSets;
  readonly #subjects = new Map<string, SubjectPolicy>();
  readonly #subjectOf = new WeakMap<Subject, SubjectPolicy>();

  constructor(objects: Iterable<PolicyObject>, options: { enforcement?: Enforcement } = {}) {
    const all = [...objects];
    const namespaces = new Namespaces(all);
    this.#enforcement = options.enforcement ?? "default";
    this.#selecting = new PodIndex(namespaces);
    this.#peers = new PeerIndex(namespaces);
    this.#policies = this.#enforcement === "never" ? [] : policiesOf(all);
    for (const [number, policy] of this.#policies.entries()) {
      this.#selecting.add(policy.subjects, number);
      for (const rule of policy.rules) SubjectPolicy.matchersOf(rule, this.#peers);
    }
    this.#sets = new RuleSets(this.#policies.flatMap(({ rules }) => rules));
    this.cidrs = [...this.#peers.cidrs()].sort();
  }

  /** Makes a pod identity known, or changes what it stands for. */
  addIdentity(id: number, subject: Subject): void {
    this.#peers.addIdentity(id, subject);
  }

  removeIdentity(id: number): void {
    this.#peers.remove(id);
  }

  /**
   * Makes an address class known, or changes what it stands for.
   *
   * @param cidrs Those of {@link cidrs} that contain the addresses of the class.
   * @param namedPorts Of the pods on these addresses, where a class is that fine: then
   *   egress rules to an address block can speak of ports by name.
   */
  addClass(id: number, cidrs: readonly string[], namedPorts: readonly NamedPort[] = []): void {
    this.#peers.addClass(id, cidrs, namedPorts);
  }

  removeClass(id: number): void {
    this.#peers.remove(id);
  }

  /** Subjects with the same key have the same compiled policy in this engine. */
  policyKey(subject: Subject): string {
    return this.#policyOf(subject).key;
  }

  /** The whole policy of a pod. */
  compile(subject: Subject): CompiledPolicy {
    const policy = this.#policyOf(subject);
    const entries: PolicyEntry[] = [];
    appendEntries(entries, ANY_PEER, policy.anyPeer());
    for (const kind of this.#peers.kindsOf(policy.matchers)) {
      const templates = policy.peerOf(kind);
      for (const peer of kind.members) appendEntries(entries, peer, templates);
    }
    return { entries, selects: policy.selects };
  }

  /**
   * The entries of one peer in the policy of a pod: what to add to a live policy map when
   * the peer is new, and what to take out of it before the peer is removed here.
   */
  entriesFor(subject: Subject, peer: number): PolicyEntry[] {
    const policy = this.#policyOf(subject);
    const kind: PeerKind | undefined = this.#peers.kindOf(peer);
    const entries: PolicyEntry[] = [];
    if (peer === ANY_PEER) appendEntries(entries, peer, policy.anyPeer());
    else if (kind) appendEntries(entries, peer, policy.peerOf(kind));
    return entries;
  }

  #policyOf(subject: Subject): SubjectPolicy {
    const known = this.#subjectOf.get(subject);
    if (known) return known;
    const selecting = this.#selecting
      .find(subject)
      .sort((a, b) => a - b)
      .map((number) => ({ number, policy: this.#policies[number] as Policy }));
    const key = SubjectPolicy.keyOf(selecting, subject);
    let policy = this.#subjects.get(key);
    if (!policy) {
      policy = new SubjectPolicy(key, selecting, subject, {
        peers: this.#peers,
        sets: this.#sets,
        always: this.#enforcement === "always",
      });
      this.#subjects.set(key, policy);
    }
    this.#subjectOf.set(subject, policy);
    return policy;
  }
}

function appendEntries(entries: PolicyEntry[], peer: number, templates: readonly EntryTemplate[]): void {
  for (const { direction, protocol, port, portBits, verdict, precedence, rules } of templates) {
    entries.push({ peer, direction, protocol, port, portBits, verdict, precedence, rules });
  }
}
