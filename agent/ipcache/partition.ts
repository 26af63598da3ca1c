import { type AddressToken, tokenBlock } from "#policy/model/address-token.ts";
import { type Cidr, cidrContains, formatCidr, parseCidr } from "#policy/model/cidr.ts";

/** A prefix whose owner is known: the node's own address, a pod, the range of pods. */
export interface KnownPrefix {
  readonly prefix: string;
  readonly identity: number;
}

/** One prefix of the partition, with what rules say of its addresses. */
export interface Part {
  readonly prefix: string;
  readonly identity: number;
  /** Sorted; empty: no rule speaks of the address. */
  readonly tokens: readonly AddressToken[];
  /** What rules would say if its addresses were outside of the cluster; sorted. */
  readonly outside: readonly AddressToken[];
  /** Whether it is a part only because an address has names. */
  readonly isOnlyNamed: boolean;
}

/** What rules say of addresses by their DNS names. */
export interface Named {
  /** By host route. */
  readonly tokens: ReadonlyMap<string, readonly AddressToken[]>;
  /** Whether names count for what belongs to the cluster, too. */
  readonly grantsInside: boolean;
}

const NOBODY_NAMED: Named = { tokens: new Map(), grantsInside: false };

interface Node {
  readonly cidr: Cidr;
  readonly prefix: string;
  identity: number | null;
  /** Of rules that speak of this range, whoever has its addresses. */
  any: AddressToken | null;
  /** Of rules that mean only what is outside of the cluster. */
  outside: AddressToken | null;
  /** Of rules that mean the one address by its names. */
  named: readonly AddressToken[] | null;
  /** Whether there is more to it than names. */
  isOwn: boolean;
}

function compare(a: Node, b: Node): number {
  if (a.cidr.family !== b.cidr.family) return a.cidr.family - b.cidr.family;
  if (a.cidr.address !== b.cidr.address) return a.cidr.address < b.cidr.address ? -1 : 1;
  return a.cidr.bits - b.cidr.bits;
}

/**
 * Splits the address space by all prefixes that anybody speaks of, so that one
 * longest-prefix look-up answers both questions about an address: who owns it (the
 * closest known prefix, else `fallback`), and which of the rules' ranges it is in.
 *
 * Every rule's range and every known prefix is a part of its own; a part's tokens are those of
 * the ranges that contain it. An address belongs to its longest part, and no range that
 * contains the address is longer than that part. Of the tokens, names are not looked at: which address has which of them
 * says `named`. An address inside of the cluster is no part because of its names, unless they count there.
 *
 * @param outsiders Identities that are outside of the cluster.
 */
export function partition(
  known: readonly KnownPrefix[],
  tokens: readonly AddressToken[],
  fallback: number,
  outsiders: readonly number[] = [fallback],
  named: Named = NOBODY_NAMED,
): Part[] {
  const nodes = new Map<string, Node>();
  const node = (text: string): Node => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new Error(`partition addresses: ${text} is not a CIDR`);
    const prefix = formatCidr(cidr);
    let found = nodes.get(prefix);
    if (!found) {
      found = { cidr, prefix, identity: null, any: null, outside: null, named: null, isOwn: false };
      nodes.set(prefix, found);
    }
    return found;
  };
  const own = (text: string): Node => Object.assign(node(text), { isOwn: true });
  for (const { prefix, identity } of known) own(prefix).identity = identity;
  for (const token of tokens) {
    const block = tokenBlock(token);
    if (block) own(block.cidr)[block.scope] = token;
  }
  for (const [prefix, said] of named.tokens) node(prefix).named = said;

  // In this order a prefix comes after every prefix that contains it, and those form a stack.
  const parts: Part[] = [];
  const stack: Node[] = [];
  for (const current of [...nodes.values()].sort(compare)) {
    while (stack.length > 0 && !cidrContains((stack.at(-1) as Node).cidr, current.cidr)) stack.pop();
    stack.push(current);
    const identity = stack.findLast((outer) => outer.identity !== null)?.identity ?? fallback;
    const isOutside = outsiders.includes(identity);
    if (!current.isOwn && !isOutside && !named.grantsInside) continue;
    const said = stack.flatMap(({ any, outside }) => [any, outside]).filter((token) => token !== null);
    const outside = [...said, ...(current.named ?? [])].sort();
    const tokens = isOutside ? outside : insideTokens(outside, named.grantsInside);
    parts.push({ prefix: current.prefix, identity, tokens, outside, isOnlyNamed: !current.isOwn });
  }
  return parts;
}

/**
 * What rules say of the same addresses where they belong to the cluster.
 *
 * @param withNames See {@link Named.grantsInside}.
 */
export function insideTokens(tokens: readonly AddressToken[], withNames = false): AddressToken[] {
  return tokens.filter((token) => {
    const block = tokenBlock(token);
    return block ? block.scope === "any" : withNames;
  });
}
