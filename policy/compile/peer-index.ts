import { type AddressToken, blockToken, nameToken } from "#policy/model/address-token.ts";
import { type Party, isNode, isOfEntity } from "#policy/model/flow.ts";
import { type NamedPort, type Subject, formatNamedPorts } from "#policy/model/identity.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { Peer } from "#policy/model/rule.ts";
import { formatSelector, matchesSelector } from "#policy/model/selector.ts";
import { LabelIndex } from "./label-index.ts";
import { PodIndex, podMatchKey } from "./pod-index.ts";

/** What all peers have in common that no rule can tell apart. */
export interface PeerKind {
  /** Numbers of the matchers that hold for these peers, ascending. */
  readonly matchers: readonly number[];
  readonly namedPorts: readonly NamedPort[];
  /** `namedPorts` as text. */
  readonly namedPortsText: string;
  /** Identities or address classes. */
  readonly members: Set<number>;
}

/** Who has a number that entries of policy maps name. */
type PeerFacts =
  | { readonly kind: "pod"; readonly subject: Subject }
  | { readonly kind: "reserved"; readonly party: Party }
  | { readonly kind: "class"; readonly tokens: ReadonlySet<AddressToken>; readonly namedPorts: readonly NamedPort[] };

const NO_PORTS: readonly NamedPort[] = [];

/**
 * Knows which peers (identities, classes of addresses) each distinct peer of a rule stands for.
 * Peers of rules are numbered; equal ones share a number, the matcher. Matchers and peers come in any
 * order, each at a cost in proportion to what it meets; matchers stay.
 */
export class PeerIndex {
  readonly #namespaces: Namespaces;
  readonly #pods: PodIndex<number>;
  readonly #podsByLabel = new LabelIndex();
  readonly #matchers = new Map<string, number>();
  readonly #peers: Peer[] = [];
  /** Matchers of everything but pods. */
  readonly #others: number[] = [];
  readonly #byToken = new Map<AddressToken, number[]>();
  readonly #facts = new Map<number, PeerFacts>();
  /** Peers that are not pods. */
  readonly #notPods = new Set<number>();
  readonly #kinds = new Map<string, PeerKind>();
  readonly #kindOf = new Map<number, PeerKind>();
  readonly #kindsOfMatcher = new Map<number, Set<PeerKind>>();
  #version = 0;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
    this.#pods = new PodIndex(namespaces);
  }

  /** Grows whenever a number comes to stand for somebody, or for nobody any more. */
  get version(): number {
    return this.#version;
  }

  /** The number of a rule's peer: small, and equal for equal peers. */
  matcher(peer: Peer): number {
    const key = peerKey(peer);
    const known = this.#matchers.get(key);
    if (known !== undefined) return known;
    const matcher = this.#peers.push(peer) - 1;
    this.#matchers.set(key, matcher);
    const token = tokenOf(peer);
    if (peer.kind === "pods") this.#pods.add(peer, matcher);
    else if (token === null) this.#others.push(matcher);
    else this.#byToken.set(token, [...(this.#byToken.get(token) ?? []), matcher]);
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
    this.#notPods.delete(id);
    if (facts.kind === "pod") this.#podsByLabel.remove(id, facts.subject);
    this.#leave(id);
  }

  kindOf(id: number): PeerKind | undefined {
    return this.#kindOf.get(id);
  }

  /** The kinds for which at least one of the matchers holds. */
  kindsOf(matchers: Iterable<number>): Set<PeerKind> {
    const kinds = new Set<PeerKind>();
    for (const matcher of matchers) for (const kind of this.#kindsOfMatcher.get(matcher) ?? []) kinds.add(kind);
    return kinds;
  }

  #add(id: number, facts: PeerFacts): void {
    this.remove(id);
    this.#version++;
    this.#facts.set(id, facts);
    if (facts.kind === "pod") this.#podsByLabel.add(id, facts.subject);
    else this.#notPods.add(id);
    const matchers = this.#find(facts).sort((a, b) => a - b);
    this.#join(id, matchers, namedPortsOf(facts));
  }

  #find(facts: PeerFacts): number[] {
    if (facts.kind === "class") {
      const near = [...facts.tokens].flatMap((token) => this.#byToken.get(token) ?? []);
      return near.filter((matcher) => this.#holds(this.#peers[matcher] as Peer, facts));
    }
    const found = facts.kind === "pod" ? this.#pods.find(facts.subject) : [];
    for (const matcher of this.#others) if (this.#holds(this.#peers[matcher] as Peer, facts)) found.push(matcher);
    return found;
  }

  /** A matcher that is new holds for peers that are there already. */
  #widen(matcher: number, peer: Peer): void {
    const near = peer.kind === "pods" ? this.#podsByLabel.candidates(peer) : this.#notPods;
    const isCluster = peer.kind === "entity" && peer.entity === "cluster";
    for (const id of isCluster ? this.#facts.keys() : near) {
      if (!this.#holds(peer, this.#facts.get(id) as PeerFacts)) continue;
      const { matchers, namedPorts } = this.#kindOf.get(id) as PeerKind;
      this.#leave(id);
      // The newest number is the highest.
      this.#join(id, [...matchers, matcher], namedPorts);
    }
  }

  #holds(peer: Peer, facts: PeerFacts): boolean {
    switch (peer.kind) {
      case "pods":
        return facts.kind === "pod" && this.#namespaces.matchesPod(peer, facts.subject);
      case "entity":
        if (facts.kind === "pod") return peer.entity === "cluster";
        return facts.kind === "reserved" && isOfEntity(facts.party, peer.entity);
      case "nodes":
        if (facts.kind !== "reserved" || !isNode(facts.party)) return false;
        return matchesSelector(peer.labels, facts.party.nodeLabels ?? {});
      case "block": {
        if (facts.kind !== "class") return false;
        const has = (cidr: string): boolean => facts.tokens.has(blockToken(cidr, peer.scope));
        return has(peer.cidr) && !peer.except.some(has);
      }
      case "names":
        return facts.kind === "class" && facts.tokens.has(nameToken(peer.match));
    }
  }

  #leave(id: number): void {
    const kind = this.#kindOf.get(id);
    if (!kind) return;
    this.#kindOf.delete(id);
    kind.members.delete(id);
    if (kind.members.size > 0) return;
    this.#kinds.delete(kindKey(kind.matchers, kind.namedPortsText));
    for (const matcher of kind.matchers) this.#kindsOfMatcher.get(matcher)?.delete(kind);
  }

  #join(id: number, matchers: readonly number[], namedPorts: readonly NamedPort[]): void {
    const namedPortsText = formatNamedPorts(namedPorts);
    const key = kindKey(matchers, namedPortsText);
    let kind = this.#kinds.get(key);
    if (!kind) {
      kind = { matchers, namedPorts, namedPortsText, members: new Set() };
      this.#kinds.set(key, kind);
      for (const matcher of matchers) this.#kindsWith(matcher).add(kind);
    }
    kind.members.add(id);
    this.#kindOf.set(id, kind);
  }

  #kindsWith(matcher: number): Set<PeerKind> {
    let kinds = this.#kindsOfMatcher.get(matcher);
    if (!kinds) this.#kindsOfMatcher.set(matcher, (kinds = new Set()));
    return kinds;
  }
}

function namedPortsOf(facts: PeerFacts): readonly NamedPort[] {
  if (facts.kind === "pod") return facts.subject.namedPorts;
  return facts.kind === "class" ? facts.namedPorts : NO_PORTS;
}

function hasAll(known: ReadonlySet<string>, tokens: readonly string[]): boolean {
  return known.size === new Set(tokens).size && tokens.every((token) => known.has(token));
}

function kindKey(matchers: readonly number[], namedPortsText: string): string {
  return `${matchers.join(",")}|${namedPortsText}`;
}

/** The token without which a class cannot be meant; null: a peer that no class is. */
function tokenOf(peer: Peer): AddressToken | null {
  if (peer.kind === "block") return blockToken(peer.cidr, peer.scope);
  return peer.kind === "names" ? nameToken(peer.match) : null;
}

/** Everything that rules say of addresses by this peer. */
export function addressTokens(peer: Peer): AddressToken[] {
  const first = tokenOf(peer);
  if (first === null) return [];
  return peer.kind === "block" ? [first, ...peer.except.map((cidr) => blockToken(cidr, peer.scope))] : [first];
}

function peerKey(peer: Peer): string {
  switch (peer.kind) {
    case "pods":
      return podMatchKey(peer);
    case "block":
      return `block ${peer.scope} ${peer.cidr} ${peer.except.join(",")}`;
    case "entity":
      return `entity ${peer.entity}`;
    case "nodes":
      return `nodes ${formatSelector(peer.labels)}`;
    case "names":
      return nameToken(peer.match);
  }
}
