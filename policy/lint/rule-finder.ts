import type { Cidr } from "#policy/model/cidr.ts";
import { formatNameMatch } from "#policy/model/l7.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { BlockMatch, Peer, Rule } from "#policy/model/rule.ts";
import type { LintedRule } from "./linted-policy.ts";
import { BlockIndex } from "./relations/block-index.ts";
import { type AddressAtom, holdsAtom, toCidr } from "./relations/blocks.ts";
import { MatchIndex } from "./relations/match-index.ts";
import { isPeerWithin } from "./relations/peers.ts";
import { PortIndex } from "./relations/port-index.ts";

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

/** Rules with one and the same peer, by their ports. */
interface Drawer<T extends Peer = Peer> {
  readonly peer: T;
  readonly rules: PortIndex<RulePart>;
}

/** Finds the rules that match everybody whom a peer could mean. */
export class RuleFinder {
  readonly #namespaces: Namespaces;
  /** For any peer. */
  readonly #any = new PortIndex<RulePart>();
  readonly #drawers = new Map<string, Drawer>();
  readonly #pods: MatchIndex<Drawer>;
  readonly #blocks = new BlockIndex<Drawer>();
  readonly #holes = new BlockIndex<null>();
  readonly #names = new Map<string, Drawer>();
  /** Of entities, of nodes, and of patterns of names. */
  readonly #others: Drawer[] = [];

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
    this.#pods = new MatchIndex(namespaces);
  }

  add(item: RulePart): void {
    const { peers, ports } = item.part;
    if (peers === null) this.#any.add(ports, item);
    for (const peer of peers ?? []) this.#drawerOf(peer).rules.add(ports, item);
  }

  /** @param port Null: any, which only rules for any port can match. May give rules that have nothing to do with it. */
  around(peer: Peer | AddressPiece, port: PortMatch | null): Set<RulePart> {
    const found = new Set(this.#any.meeting(port));
    for (const { rules } of this.#near(peer)) for (const item of rules.meeting(port)) found.add(item);
    // A piece of a block is within whatever its block is within.
    const whole = peer.kind === "addresses" ? peer.block : peer;
    for (const { peer: wide, rules } of this.#others) {
      if (isPeerWithin(whole, wide, this.#namespaces)) for (const item of rules.meeting(port)) found.add(item);
    }
    return found;
  }

  /** Ranges of rules that lie in a block, exceptions included; null where there are more than `most`. */
  inside(block: BlockMatch, most: number): Cidr[] | null {
    const ranges = this.#blocks.inside(toCidr(block.cidr), most);
    const holes = this.#holes.inside(toCidr(block.cidr), most);
    return ranges && holes && [...ranges, ...holes];
  }

  #drawerOf(peer: Peer): Drawer {
    const key = JSON.stringify(peer);
    let drawer = this.#drawers.get(key);
    if (!drawer) {
      drawer = { peer, rules: new PortIndex() };
      this.#drawers.set(key, drawer);
      this.#file(peer, drawer);
    }
    return drawer;
  }

  #file(peer: Peer, drawer: Drawer): void {
    switch (peer.kind) {
      case "pods":
        return this.#pods.add(peer, drawer);
      case "block":
        for (const cidr of peer.except) this.#holes.add({ ...peer, cidr, except: [] }, null);
        return this.#blocks.add(peer, drawer);
      case "names": {
        const text = formatNameMatch(peer.match);
        if (text.includes("*")) this.#others.push(drawer);
        else this.#names.set(text, drawer);
        return;
      }
      default:
        this.#others.push(drawer);
    }
  }

  #near(peer: Peer | AddressPiece): readonly Drawer[] {
    switch (peer.kind) {
      case "pods":
        return this.#pods.around(peer);
      case "addresses": {
        const { atom, block } = peer;
        const around = this.#blocks.around(atom).filter(({ block: wide }) => isScopeWithin(block, wide));
        return around.filter(({ block: wide }) => holdsAtom(wide, atom)).map(({ item }) => item);
      }
      case "block": {
        const around = this.#blocks.around(toCidr(peer.cidr));
        return around.filter(({ block }) => isPeerWithin(peer, block, this.#namespaces)).map(({ item }) => item);
      }
      case "names": {
        const same = this.#names.get(formatNameMatch(peer.match));
        return same ? [same] : [];
      }
      default:
        return [];
    }
  }
}

function isScopeWithin(narrow: BlockMatch, wide: BlockMatch): boolean {
  return narrow.scope === "outside" || wide.scope === "any";
}
