import type { AddressToken } from "#policy/model/address-token.ts";
import { type Party, isNode, isOfEntity } from "#policy/model/flow.ts";
import { type NamedPort, type Subject, formatNamedPorts } from "#policy/model/identity.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { EntityMatch, NodeMatch, PodMatch } from "#policy/model/rule.ts";
import { formatSelector, matchesSelector } from "#policy/model/selector.ts";
import { LabelIndex } from "./label-index.ts";
import { PodIndex, podMatchKey } from "./pod-index.ts";

/** What all peers have in common that no rule can tell apart. */
export interface PeerKind {
  /** Numbers of the matchers that hold for these identities, ascending; of address classes none. */
  readonly matchers: readonly number[];
  /** What rules say of the addresses of these classes; of identities nothing. */
  readonly tokens: ReadonlySet<AddressToken>;
  readonly namedPorts: readonly NamedPort[];
  /** `namedPorts` as text. */
  readonly namedPortsText: string;
  /** Identities or address classes. */
  readonly members: Set<number>;
}

/** A peer of a rule that is not about addresses. */
export type IdentityPeer = PodMatch | EntityMatch | NodeMatch;

/** Who has a number that entries of policy maps name. */
type PeerFacts =
  | { readonly kind: "pod"; readonly subject: Subject }
  | { readonly kind: "reserved"; readonly party: Party }
  | { readonly kind: "class"; readonly tokens: ReadonlySet<AddressToken>; readonly namedPorts: readonly NamedPort[] };

const NO_PORTS: readonly NamedPort[] = [];
const NO_TOKENS: ReadonlySet<AddressToken> = new Set();

/**
 * Knows which identities each distinct peer of a rule stands for.
 * Peers of rules are numbered; equal ones share a number, the matcher. Matchers and identities come in any
 * order, each at a cost in proportion to what it meets; matchers stay.
 *
 * What rules say of addresses has no matchers: nearly each of many classes may be meant by nearly each of many
 * rules. A class is found by its tokens, and only who asks for the rules of some subject compares the two.
 */
export class PeerIndex {
  readonly #namespaces: Namespaces;
  readonly #pods: PodIndex<number>;
  readonly #podsByLabel = new LabelIndex();
  readonly #matchers = new Map<string, number>();
  readonly #peers: IdentityPeer[] = [];
  /** Matchers of everything but pods. */
  readonly #others: number[] = [];
  readonly #facts = new Map<number, PeerFacts>();
  /** Identities that are not of pods. */
  readonly #reserved = new Set<number>();
  readonly #kinds = new Map<string, PeerKind>();
  readonly #kindOf = new Map<number, PeerKind>();
  readonly #kindsOfMatcher = new Map<number, Set<PeerKind>>();
  readonly #kindsOfToken = new Map<AddressToken, Set<PeerKind>>();
  #version = 0;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
    this.#pods = new PodIndex(namespaces);
  }

  /** Grows whenever a number comes to stand for somebody, or for nobody any more. */
  get version(): number {
    return this.#version;
  }

  /** The number of a rule's peer that is not about addresses: small, and equal for equal peers. */
  matcher(peer: IdentityPeer): number {
    const key = peerKey(peer);
    const known = this.#matchers.get(key);
    if (known !== undefined) return known;
    const matcher = this.#peers.push(peer) - 1;
    this.#matchers.set(key, matcher);
    if (peer.kind === "pods") this.#pods.add(peer, matcher);
    else this.#others.push(matcher);
    this.#widen(matcher, peer);
    return matcher;
  }

  addIdentity(id: number, subject: Subject): void {
    const known = this.#facts.get(id);
    if (known?.kind === "pod" && known.subject === subject) return;
    this.#add(id, { kind: "pod", subject });
  }

  addReserved(id: number, party: Party): void {
    this.#add(id, { kind: "reserved", party });
  }

  addClass(id: number, tokens: readonly AddressToken[], namedPorts: readonly NamedPort[]): void {
    const known = this.#facts.get(id);
    if (known?.kind === "class" && known.namedPorts === namedPorts && hasAll(known.tokens, tokens)) return;
    this.#add(id, { kind: "class", tokens: new Set(tokens), namedPorts });
  }

  remove(id: number): void {
    const facts = this.#facts.get(id);
    if (!facts) return;
    this.#version++;
    this.#facts.delete(id);
    this.#reserved.delete(id);
    if (facts.kind === "pod") this.#podsByLabel.remove(id, facts.subject);
    this.#leave(id);
  }

  kindOf(id: number): PeerKind | undefined {
    return this.#kindOf.get(id);
  }

  /** The kinds for which at least one of the matchers holds, or that have one of the tokens. */
  kindsOf(matchers: Iterable<number>, tokens: Iterable<AddressToken>): Set<PeerKind> {
    const kinds = new Set<PeerKind>();
    for (const matcher of matchers) for (const kind of this.#kindsOfMatcher.get(matcher) ?? []) kinds.add(kind);
    for (const token of tokens) for (const kind of this.#kindsOfToken.get(token) ?? []) kinds.add(kind);
    return kinds;
  }

  /** How many kinds have a token. */
  kindsWith(token: AddressToken): number {
    return this.#kindsOfToken.get(token)?.size ?? 0;
  }

  #add(id: number, facts: PeerFacts): void {
    this.remove(id);
    this.#version++;
    this.#facts.set(id, facts);
    if (facts.kind === "pod") this.#podsByLabel.add(id, facts.subject);
    else if (facts.kind === "reserved") this.#reserved.add(id);
    const isClass = facts.kind === "class";
    const matchers = isClass ? [] : this.#find(facts).sort((a, b) => a - b);
    this.#join(id, matchers, isClass ? facts.tokens : NO_TOKENS, namedPortsOf(facts));
  }

  #find(facts: PeerFacts): number[] {
    const found = facts.kind === "pod" ? this.#pods.find(facts.subject) : [];
    for (const matcher of this.#others) {
      if (this.#holds(this.#peers[matcher] as IdentityPeer, facts)) found.push(matcher);
    }
    return found;
  }

  /** A matcher that is new holds for peers that are there already. */
  #widen(matcher: number, peer: IdentityPeer): void {
    const near = peer.kind === "pods" ? this.#podsByLabel.candidates(peer) : this.#reserved;
    const isCluster = peer.kind === "entity" && peer.entity === "cluster";
    for (const id of isCluster ? this.#facts.keys() : near) {
      if (!this.#holds(peer, this.#facts.get(id) as PeerFacts)) continue;
      const { matchers, namedPorts } = this.#kindOf.get(id) as PeerKind;
      this.#leave(id);
      // The newest number is the highest.
      this.#join(id, [...matchers, matcher], NO_TOKENS, namedPorts);
    }
  }

  #holds(peer: IdentityPeer, facts: PeerFacts): boolean {
    switch (peer.kind) {
      case "pods":
        return facts.kind === "pod" && this.#namespaces.matchesPod(peer, facts.subject);
      case "entity":
        if (facts.kind === "pod") return peer.entity === "cluster";
        return facts.kind === "reserved" && isOfEntity(facts.party, peer.entity);
      case "nodes":
        if (facts.kind !== "reserved" || !isNode(facts.party)) return false;
        return matchesSelector(peer.labels, facts.party.nodeLabels ?? {});
    }
  }

  #leave(id: number): void {
    const kind = this.#kindOf.get(id);
    if (!kind) return;
    this.#kindOf.delete(id);
    kind.members.delete(id);
    if (kind.members.size > 0) return;
    this.#kinds.delete(kindKey(kind.matchers, kind.tokens, kind.namedPortsText));
    for (const matcher of kind.matchers) this.#kindsOfMatcher.get(matcher)?.delete(kind);
    for (const token of kind.tokens) {
      const kinds = this.#kindsOfToken.get(token);
      kinds?.delete(kind);
      if (kinds?.size === 0) this.#kindsOfToken.delete(token);
    }
  }

  #join(
    id: number,
    matchers: readonly number[],
    tokens: ReadonlySet<AddressToken>,
    namedPorts: readonly NamedPort[],
  ): void {
    const namedPortsText = formatNamedPorts(namedPorts);
    const key = kindKey(matchers, tokens, namedPortsText);
    let kind = this.#kinds.get(key);
    if (!kind) {
      kind = { matchers, tokens, namedPorts, namedPortsText, members: new Set() };
      this.#kinds.set(key, kind);
      for (const matcher of matchers) addTo(this.#kindsOfMatcher, matcher, kind);
      for (const token of tokens) addTo(this.#kindsOfToken, token, kind);
    }
    kind.members.add(id);
    this.#kindOf.set(id, kind);
  }
}

function addTo<Key>(sets: Map<Key, Set<PeerKind>>, key: Key, kind: PeerKind): void {
  const found = sets.get(key);
  if (found) found.add(kind);
  else sets.set(key, new Set([kind]));
}

function namedPortsOf(facts: PeerFacts): readonly NamedPort[] {
  if (facts.kind === "pod") return facts.subject.namedPorts;
  return facts.kind === "class" ? facts.namedPorts : NO_PORTS;
}

function hasAll(known: ReadonlySet<string>, tokens: readonly string[]): boolean {
  return known.size === new Set(tokens).size && tokens.every((token) => known.has(token));
}

function kindKey(matchers: readonly number[], tokens: ReadonlySet<AddressToken>, namedPortsText: string): string {
  return `${matchers.join(",")}|${[...tokens].join(" ")}|${namedPortsText}`;
}

function peerKey(peer: IdentityPeer): string {
  switch (peer.kind) {
    case "pods":
      return podMatchKey(peer);
    case "entity":
      return `entity ${peer.entity}`;
    case "nodes":
      return `nodes ${formatSelector(peer.labels)}`;
  }
}
