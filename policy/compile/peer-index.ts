import { type NamedPort, type Subject, formatNamedPorts } from "#policy/model/identity.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { BlockMatch, Peer } from "#policy/model/rule.ts";
import { formatSelector } from "#policy/model/selector.ts";
import { PodIndex } from "./pod-index.ts";

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

/**
 * Knows which peers (identities of pods, classes of addresses) each distinct peer of a
 * rule stands for. Peers of rules are numbered; equal ones share a number, the matcher.
 * Register all matchers before the first peer.
 */
export class PeerIndex {
  readonly #pods: PodIndex<number>;
  readonly #blocks = new Map<string, { block: BlockMatch; matcher: number }[]>();
  readonly #matchers = new Map<string, number>();
  readonly #kinds = new Map<string, PeerKind>();
  readonly #kindOf = new Map<number, PeerKind>();
  readonly #kindsOfMatcher = new Map<number, Set<PeerKind>>();

  constructor(namespaces: Namespaces) {
    this.#pods = new PodIndex(namespaces);
  }

  /** The number of a rule's peer: small, and equal for equal peers. */
  matcher(peer: Peer): number {
    const key = peerKey(peer);
    const known = this.#matchers.get(key);
    if (known !== undefined) return known;
    const matcher = this.#matchers.size;
    this.#matchers.set(key, matcher);
    if (peer.kind === "pods") {
      this.#pods.add(peer, matcher);
    } else {
      const found = this.#blocks.get(peer.cidr);
      if (found) found.push({ block: peer, matcher });
      else this.#blocks.set(peer.cidr, [{ block: peer, matcher }]);
    }
    return matcher;
  }

  /** Every CIDR that a block or an exception of one names. */
  cidrs(): Set<string> {
    const cidrs = new Set(this.#blocks.keys());
    for (const blocks of this.#blocks.values()) {
      for (const { block } of blocks) for (const cidr of block.except) cidrs.add(cidr);
    }
    return cidrs;
  }

  addIdentity(id: number, subject: Subject): void {
    this.#add(id, this.#pods.find(subject), subject.namedPorts);
  }

  addClass(id: number, cidrs: readonly string[], namedPorts: readonly NamedPort[]): void {
    const inside = new Set(cidrs);
    const matchers: number[] = [];
    for (const cidr of inside) {
      for (const { block, matcher } of this.#blocks.get(cidr) ?? []) {
        if (!block.except.some((except) => inside.has(except))) matchers.push(matcher);
      }
    }
    this.#add(id, matchers, namedPorts);
  }

  remove(id: number): void {
    const kind = this.#kindOf.get(id);
    if (!kind) return;
    this.#kindOf.delete(id);
    kind.members.delete(id);
    if (kind.members.size > 0) return;
    this.#kinds.delete(kindKey(kind.matchers, kind.namedPortsText));
    for (const matcher of kind.matchers) this.#kindsOfMatcher.get(matcher)?.delete(kind);
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

  #add(id: number, found: number[], namedPorts: readonly NamedPort[]): void {
    this.remove(id);
    const matchers = found.sort((a, b) => a - b);
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

function kindKey(matchers: readonly number[], namedPortsText: string): string {
  return `${matchers.join(",")}|${namedPortsText}`;
}

function peerKey(peer: Peer): string {
  if (peer.kind === "block") return `block ${peer.cidr} ${[...peer.except].sort().join(",")}`;
  const { namespaces, labels } = peer;
  const namespace =
    namespaces.kind === "name" ? `name ${namespaces.name}` : `labels ${formatSelector(namespaces.selector)}`;
  return `pods ${namespace} ${formatSelector(labels)}`;
}
