import type { Cidr } from "#policy/model/cidr.ts";
import { formatNameMatch } from "#policy/model/l7.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { BlockMatch, EntityMatch, NamesMatch, NodeMatch, Peer, Rule } from "#policy/model/rule.ts";
import type { LintedRule } from "./linted-policy.ts";
import { BlockIndex } from "./relations/block-index.ts";
import { type AddressAtom, holdsAtom, toCidr } from "./relations/blocks.ts";
import { MatchIndex } from "./relations/match-index.ts";
import { isPeerWithin } from "./relations/peers.ts";

/** One meaning of a rule. */
export interface RulePart {
  readonly rule: LintedRule;
  readonly part: Rule;
}

/** A piece of a block that no rule cuts. */
export interface AddressPiece {
  readonly kind: "addresses";
  readonly atom: AddressAtom;
  readonly block: BlockMatch;
}

/** Finds the rules that match everybody whom a peer could mean. */
export class RuleFinder {
  readonly #namespaces: Namespaces;
  /** For any peer. */
  readonly #any: RulePart[] = [];
  readonly #pods: MatchIndex<RulePart>;
  readonly #blocks = new BlockIndex<RulePart>();
  readonly #holes = new BlockIndex<null>();
  readonly #entities: { readonly peer: EntityMatch; readonly item: RulePart }[] = [];
  readonly #nodes: { readonly peer: NodeMatch; readonly item: RulePart }[] = [];
  readonly #names = new Map<string, RulePart[]>();
  readonly #patterns: { readonly peer: NamesMatch; readonly item: RulePart }[] = [];

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
    this.#pods = new MatchIndex(namespaces);
  }

  add(item: RulePart): void {
    if (item.part.peers === null) this.#any.push(item);
    for (const peer of item.part.peers ?? []) this.#file(peer, item);
  }

  around(peer: Peer | AddressPiece): Set<RulePart> {
    const found = new Set(this.#any);
    for (const item of this.#special(peer)) found.add(item);
    if (peer.kind === "addresses") return found;
    for (const { peer: wide, item } of this.#entities) {
      if (isPeerWithin(peer, wide, this.#namespaces)) found.add(item);
    }
    return found;
  }

  /** Ranges of rules that lie in a block, exceptions included; null where there are more than `most`. */
  inside(block: BlockMatch, most: number): Cidr[] | null {
    const ranges = this.#blocks.inside(toCidr(block.cidr), most);
    const holes = this.#holes.inside(toCidr(block.cidr), most);
    return ranges && holes && [...ranges, ...holes];
  }

  #file(peer: Peer, item: RulePart): void {
    switch (peer.kind) {
      case "pods":
        return this.#pods.add(peer, item);
      case "block":
        for (const cidr of peer.except) this.#holes.add({ ...peer, cidr, except: [] }, null);
        return this.#blocks.add(peer, item);
      case "entity":
        return void this.#entities.push({ peer, item });
      case "nodes":
        return void this.#nodes.push({ peer, item });
      case "names": {
        const text = formatNameMatch(peer.match);
        if (text.includes("*")) this.#patterns.push({ peer, item });
        const found = this.#names.get(text);
        if (found) found.push(item);
        else this.#names.set(text, [item]);
      }
    }
  }

  #special(peer: Peer | AddressPiece): readonly RulePart[] {
    switch (peer.kind) {
      case "pods":
        return this.#pods.around(peer);
      case "addresses": {
        const { atom, block } = peer;
        const around = this.#blocks.around(atom).filter(({ block: wide }) => isScopeWithin(block, wide));
        const blocks = around.filter(({ block: wide }) => holdsAtom(wide, atom)).map(({ item }) => item);
        return [...blocks, ...this.#ofWorld(block)];
      }
      case "block": {
        const around = this.#blocks.around(toCidr(peer.cidr));
        return around.filter(({ block }) => isPeerWithin(peer, block, this.#namespaces)).map(({ item }) => item);
      }
      case "names": {
        const wide = this.#patterns.filter((pattern) => isPeerWithin(peer, pattern.peer, this.#namespaces));
        return [...(this.#names.get(formatNameMatch(peer.match)) ?? []), ...wide.map(({ item }) => item)];
      }
      default:
        return this.#nodes.filter((nodes) => isPeerWithin(peer, nodes.peer, this.#namespaces)).map(({ item }) => item);
    }
  }

  #ofWorld(block: BlockMatch): RulePart[] {
    const world = this.#entities.filter(({ peer }) => isPeerWithin(block, peer, this.#namespaces));
    return world.map(({ item }) => item);
  }
}

function isScopeWithin(narrow: BlockMatch, wide: BlockMatch): boolean {
  return narrow.scope === "outside" || wide.scope === "any";
}
