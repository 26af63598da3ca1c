import { type Cidr, cidrContains, formatCidr, parseCidr } from "#policy/model/cidr.ts";

/** A prefix whose owner is known: the node's own address, a pod, the range of pods. */
export interface KnownPrefix {
  readonly prefix: string;
  readonly identity: number;
}

/** One prefix of the partition, with the CIDRs of rules that contain it. */
export interface Part {
  readonly prefix: string;
  readonly identity: number;
  /** Canonical texts, sorted; empty: no rule speaks of the address. */
  readonly cidrs: readonly string[];
}

interface Node {
  readonly cidr: Cidr;
  readonly prefix: string;
  identity: number | null;
  isRule: boolean;
}

function compare(a: Node, b: Node): number {
  if (a.cidr.family !== b.cidr.family) return a.cidr.family - b.cidr.family;
  if (a.cidr.address !== b.cidr.address) return a.cidr.address < b.cidr.address ? -1 : 1;
  return a.cidr.bits - b.cidr.bits;
}

/**
 * Splits the address space by all prefixes that anybody speaks of, so that one
 * longest-prefix look-up answers both questions about an address: who owns it (the
 * closest known prefix, else `fallback`), and which CIDRs of rules contain it.
 *
 * Every rule's CIDR and every known prefix is a part of its own; a part's CIDRs are
 * those that contain it. An address belongs to its longest part, and no CIDR that
 * contains the address is longer than that part.
 */
export function partition(known: readonly KnownPrefix[], ruleCidrs: readonly string[], fallback: number): Part[] {
  const nodes = new Map<string, Node>();
  const node = (text: string): Node => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new Error(`partition addresses: ${text} is not a CIDR`);
    const prefix = formatCidr(cidr);
    let found = nodes.get(prefix);
    if (!found) nodes.set(prefix, (found = { cidr, prefix, identity: null, isRule: false }));
    return found;
  };
  for (const { prefix, identity } of known) node(prefix).identity = identity;
  for (const cidr of ruleCidrs) node(cidr).isRule = true;

  // In this order a prefix comes after every prefix that contains it, and those form a stack.
  const parts: Part[] = [];
  const stack: Node[] = [];
  for (const current of [...nodes.values()].sort(compare)) {
    while (stack.length > 0 && !cidrContains((stack.at(-1) as Node).cidr, current.cidr)) stack.pop();
    stack.push(current);
    parts.push({
      prefix: current.prefix,
      identity: stack.findLast((outer) => outer.identity !== null)?.identity ?? fallback,
      cidrs: stack
        .filter((outer) => outer.isRule)
        .map((outer) => outer.prefix)
        .sort(),
    });
  }
  return parts;
}
