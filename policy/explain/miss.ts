import { type Address, type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { type Flow, type Party, isNode, isOfEntity, isOutside } from "#policy/model/flow.ts";
import { type Labels, portsNamed } from "#policy/model/identity.ts";
import { formatNameMatch } from "#policy/model/l7.ts";
import { matchesName } from "#policy/model/name-match.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { PortMatch } from "#policy/model/port.ts";
import {
  type BlockMatch,
  type EntityMatch,
  type NamesMatch,
  type NodeMatch,
  type Peer,
  type PodMatch,
  type Rule,
  SERVICE_ACCOUNT,
} from "#policy/model/rule.ts";
import { type Selector, formatSelector, matchesRequirement } from "#policy/model/selector.ts";

/** A rule, or one that has ended and is only kept to be told of. */
export interface ToldRule extends Rule {
  readonly hasEnded?: boolean;
}

/** A condition of a rule that a flow does not meet. */
export interface Miss {
  /** `port 5432 is not 5433` */
  readonly because: string;
  /** How far off, to compare misses of one kind. */
  readonly distance: number;
}

/**
 * What lacks nothing but time is nearest of all. Other ports and protocols are nearer than other labels, those than other addresses. A
 * port's distance is from 1 to 2 with its numbers.
 */
export const DISTANCE = {
  end: 0.5,
  request: 0.7,
  port: 1,
  protocol: 1.5,
  name: 1.5,
  excepted: 2,
  label: 3,
  block: 5,
  notPod: 6,
} as const;

/**
 * What keeps a rule from matching; empty when it matches. Of several peers or ports, the nearest tells.
 *
 * @param requires What pods must meet, too, where the rule says so.
 */
export function missesOf(
  rule: ToldRule,
  peer: Party,
  flow: Flow,
  namespaces: Namespaces,
  requires: readonly PodMatch[],
): readonly Miss[] {
  const also = rule.isNarrowed ? requires : [];
  const peers = rule.peers?.map((one) => [
    ...peerMisses(one, peer, namespaces),
    ...(one.kind === "pods" ? also.flatMap((other) => podMisses(other, peer, namespaces)) : []),
  ]) ?? [[]];
  const ports = rule.ports?.map((one) => portMisses(one, flow)) ?? [[]];
  return [...endMisses(rule), ...nearest(peers), ...nearest(ports)];
}

function endMisses({ hasEnded, controls: { notAfter } }: ToldRule): Miss[] {
  if (!hasEnded || notAfter === undefined) return [];
  return [{ because: `ended ${formatInstant(notAfter)}`, distance: DISTANCE.end }];
}

/** RFC 3339 in UTC, of milliseconds since 1970. */
export function formatInstant(instant: number): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** Fewer misses are nearer, then those of less distance in all. */
export function compareMisses(a: readonly Miss[], b: readonly Miss[]): number {
  return a.length - b.length || sumOf(a) - sumOf(b);
}

function sumOf(misses: readonly Miss[]): number {
  return misses.reduce((sum, { distance }) => sum + distance, 0);
}

function nearest(alternatives: readonly (readonly Miss[])[]): readonly Miss[] {
  return alternatives.toSorted(compareMisses)[0] ?? [{ because: "the rule names nobody", distance: DISTANCE.notPod }];
}

function portMisses(match: PortMatch, { protocol, port, destination }: Flow): Miss[] {
  const misses: Miss[] = [];
  if (protocol !== match.protocol) {
    misses.push({ because: `protocol ${protocol} is not ${match.protocol}`, distance: DISTANCE.protocol });
  }
  // What has no ports could not have another one.
  if (match.kind === "all" || (misses.length > 0 && !isPorted(protocol))) return misses;
  if (match.kind === "range") {
    const { first, last } = match;
    const word = protocol.startsWith("ICMP") ? "type" : "port";
    const wanted = first === last ? `${first}` : `in ${first}-${last}`;
    const gap = port < first ? first - port : port - last;
    if (gap > 0) {
      misses.push({ because: `${word} ${port} is not ${wanted}`, distance: DISTANCE.port + Math.log2(1 + gap) / 16 });
    }
    return misses;
  }
  const numbers = portsNamed(destination.subject?.namedPorts ?? [], match.name, match.protocol);
  if (!numbers.includes(port)) {
    const meaning = numbers.length > 0 ? numbers.join(" or ") : "a name that the destination does not have";
    misses.push({ because: `port ${port} is not ${match.name} (${meaning})`, distance: DISTANCE.name });
  }
  return misses;
}

function isPorted(protocol: Flow["protocol"]): boolean {
  return protocol === "TCP" || protocol === "UDP" || protocol === "SCTP";
}

function peerMisses(match: Peer, peer: Party, namespaces: Namespaces): Miss[] {
  switch (match.kind) {
    case "pods":
      return podMisses(match, peer, namespaces);
    case "block":
      return blockMisses(match, peer);
    case "entity":
      return entityMisses(match, peer);
    case "nodes":
      return nodeMisses(match, peer);
    case "names":
      return nameMisses(match, peer);
  }
}

function entityMisses({ entity }: EntityMatch, peer: Party): Miss[] {
  if (isOfEntity(peer, entity)) return [];
  return [{ because: `${describe(peer)} is not of the entity ${entity}`, distance: DISTANCE.notPod }];
}

function nodeMisses({ labels }: NodeMatch, peer: Party): Miss[] {
  if (!isNode(peer)) {
    return [{ because: `${describe(peer)} is not a node`, distance: DISTANCE.notPod }];
  }
  const failed = failures(labels, peer.nodeLabels ?? {});
  if (failed.length === 0) return [];
  const because = `the node's labels do not match ${formatSelector(failed)}`;
  return [{ because, distance: DISTANCE.label * failed.length }];
}

function nameMisses({ match }: NamesMatch, peer: Party): Miss[] {
  const wanted = formatNameMatch(match);
  if (!isOutside(peer)) {
    return [{ because: `${describe(peer)} is not outside of the cluster, as ${wanted} is`, distance: DISTANCE.notPod }];
  }
  const names = peer.names ?? [];
  if (names.some((name) => matchesName(wanted, name))) return [];
  const known = names.length > 0 ? `is known as ${names.join(", ")}, not` : "has no known name like";
  return [{ because: `${describe(peer)} ${known} ${wanted}`, distance: DISTANCE.block }];
}

function podMisses(match: PodMatch, peer: Party, namespaces: Namespaces): Miss[] {
  if (!peer.subject) return [{ because: `${describe(peer)} is not a pod`, distance: DISTANCE.notPod }];
  const { namespace, labels, serviceAccount } = peer.subject;
  const misses: Miss[] = [];
  if (match.namespaces.kind === "name") {
    const { name } = match.namespaces;
    if (name !== namespace) misses.push({ because: `namespace ${namespace} is not ${name}`, distance: DISTANCE.label });
  } else {
    const failed = failures(match.namespaces.selector, namespaces.labels(namespace));
    if (failed.length > 0) {
      const because = `namespace ${namespace} does not match ${formatSelector(failed)}`;
      misses.push({ because, distance: DISTANCE.label * failed.length });
    }
  }
  const failed = failures(match.labels, labels);
  if (failed.length > 0) {
    const own = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const pod = own.length > 0 ? `pod labels ${own.sort().join(",")} do` : "a pod without labels does";
    const because = `${pod} not match ${formatSelector(failed)}`;
    misses.push({ because, distance: DISTANCE.label * failed.length });
  }
  const account = failures(match.account ?? [], { [SERVICE_ACCOUNT]: serviceAccount });
  if (account.length > 0) {
    const because = `service account ${serviceAccount} does not match ${formatSelector(account)}`;
    misses.push({ because, distance: DISTANCE.label });
  }
  return misses;
}

function failures(selector: Selector, labels: Labels): Selector {
  return selector.filter((requirement) => !matchesRequirement(requirement, labels));
}

function blockMisses({ cidr, except, scope }: BlockMatch, peer: Party): Miss[] {
  if (scope === "outside" && !isOutside(peer)) {
    const because = `${describe(peer)} is in the cluster, and ${cidr} means addresses outside of it`;
    return [{ because, distance: DISTANCE.block }];
  }
  const address = peer.address === undefined ? null : parseAddress(peer.address);
  if (!address) return [{ because: `${describe(peer)} has no address in ${cidr}`, distance: DISTANCE.block }];
  if (!holds(cidr, address)) {
    return [{ because: `address ${peer.address} is not in ${cidr}`, distance: DISTANCE.block }];
  }
  const hole = except.find((one) => holds(one, address));
  return hole === undefined
    ? []
    : [{ because: `address ${peer.address} is excepted by ${hole}`, distance: DISTANCE.excepted }];
}

function holds(cidr: string, address: Address): boolean {
  return cidrContains(parseCidr(cidr) as Cidr, hostCidr(address));
}

function describe({ subject, reserved, address }: Party): string {
  if (subject) return "the pod";
  if (reserved === "host") return "the node";
  if (reserved !== undefined && reserved !== "world") return `the party ${reserved}`;
  return address === undefined ? "the world" : `address ${address}`;
}
