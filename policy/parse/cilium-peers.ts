import type { CiliumRule } from "#policy/model/cilium-object.ts";
import { ENTITIES } from "#policy/model/reserved.ts";
import { readAddressOrRange, readCidrRule } from "./cilium-cidr.ts";
import { readNameMatch } from "./cilium-names.ts";
import type { RulePlace } from "./cilium-place.ts";
import { readEndpointSelector, readNodeSelector } from "./cilium-selector.ts";
import { readService } from "./cilium-service.ts";
import type { Fields, Reader } from "./reader.ts";

type Peers = Pick<CiliumRule, "endpoints" | "cidrs" | "entities" | "nodes" | "services" | "names">;

export const NO_PEERS: Peers = {
  endpoints: null,
  cidrs: null,
  entities: null,
  nodes: null,
  services: null,
  names: null,
};

/** A field of peers: what comes after `from` or `to` in its name, and what its items are. */
interface Kind {
  readonly name: string;
  readonly read: (items: readonly Reader[]) => Peers;
}

const KINDS: readonly Kind[] = [
  { name: "Endpoints", read: (items) => ({ ...NO_PEERS, endpoints: items.map(readEndpointSelector) }) },
  { name: "CIDR", read: (items) => ({ ...NO_PEERS, cidrs: readAll(items, readAddressOrRange) }) },
  { name: "CIDRSet", read: (items) => ({ ...NO_PEERS, cidrs: readAll(items, readCidrRule) }) },
  { name: "Entities", read: (items) => ({ ...NO_PEERS, entities: readAll(items, (item) => item.oneOf(ENTITIES)) }) },
  { name: "Nodes", read: (items) => ({ ...NO_PEERS, nodes: items.map(readNodeSelector) }) },
];

const EGRESS_KINDS: readonly Kind[] = [
  ...KINDS,
  { name: "Services", read: (items) => ({ ...NO_PEERS, services: readAll(items, readService) }) },
];

const NAMES: Kind = { name: "FQDNs", read: (items) => ({ ...NO_PEERS, names: readAll(items, readNameMatch) }) };

/** The peers of a rule: of one kind, or none. */
export function readPeers(fields: Fields, { direction, isDeny }: RulePlace): Peers {
  const prefix = direction === "ingress" ? "from" : "to";
  const kinds = direction === "ingress" ? KINDS : isDeny ? EGRESS_KINDS : [...EGRESS_KINDS, NAMES];
  const given = kinds.flatMap(({ name, read }) => {
    const reader = fields.optional(`${prefix}${name}`);
    if (!reader) return [];
    const items = reader.items();
    return [{ name: `${prefix}${name}`, reader, isEmpty: items.length === 0, peers: read(items) }];
  });
  fields.refuse(
    `${prefix}Groups`,
    `is not supported: groups of cloud providers; list their ranges in ${prefix}CIDRSet`,
  );
  const [first, ...others] = given.filter(({ isEmpty }) => !isEmpty);
  for (const { reader } of others) reader.fail(`cannot stand beside ${first?.name}; use two rules`);
  // An empty list is nobody, whatever stands beside it.
  return (given.find(({ isEmpty }) => isEmpty) ?? first)?.peers ?? NO_PEERS;
}

function readAll<T>(items: readonly Reader[], read: (item: Reader) => T | null): T[] {
  return items.map(read).filter((value) => value !== null);
}
