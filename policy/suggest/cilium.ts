import { isTransport } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import { isDns, splitNames } from "./dns.ts";
import { type Blocks, type Written, toSelector } from "./kubernetes.ts";
import { type PortRange, portRanges } from "./port-ranges.ts";
import { type RuleGroup, groupByPorts } from "./rule-groups.ts";
import type { SeenPort, SeenTraffic, WorkloadTraffic } from "./traffic.ts";
import { describeSeen } from "./words.ts";
import type { Workload } from "./workloads.ts";

const NAMESPACE = "k8s:io.kubernetes.pod.namespace";
/** Most items of `ports` and of `fields`. */
const MOST = 40;
/** The way to isolate a direction and allow nothing. */
const NOTHING = [{}];

type Rule = Readonly<Record<string, unknown>>;
/** Peers by the field that they stand in. */
type Peers = readonly (readonly [field: string, items: readonly unknown[]])[];

/** Says what was seen of a workload as the `spec` of a CiliumNetworkPolicy. */
export function toCiliumPolicy({ workload, ingress, egress }: WorkloadTraffic, blocks: Blocks): Written {
  const { named, others, remarks } = splitNames(egress);
  const isRead = named.length > 0;
  const rules = (direction: Direction, seen: readonly SeenTraffic[]): Rule[] => [
    ...groupByPorts(
      select(seen, (port) => !isIcmp(port) && !(isRead && direction === "egress" && isDns(port))),
    ).flatMap((group) => toRules(peersOf(direction, group, workload, blocks), { toPorts: toPorts(group.ports) })),
    ...groupByPorts(select(seen, isIcmp)).flatMap((group) =>
      toRules(peersOf(direction, group, workload, blocks), { icmps: toIcmps(group.ports) }),
    ),
  ];
  const dns = groupByPorts(isRead ? select(others, isDns) : []).flatMap((group) => {
    const read = toPorts(group.ports).map((item) => ({ ...item, rules: { dns: [{ matchPattern: "*" }] } }));
    return toRules(peersOf("egress", group, workload, blocks), { toPorts: read });
  });
  const byName = groupByPorts(named).map(({ peers, ports }): Rule => {
    const names = new Set(peers.flatMap((peer) => (peer.kind === "party" ? peer.names : [])));
    return { toFQDNs: [...names].sort().map((matchName) => ({ matchName })), toPorts: toPorts(ports) };
  });
  const incoming = rules("ingress", ingress);
  const outgoing = [...dns, ...rules("egress", others), ...byName];
  return {
    spec: {
      endpointSelector: toSelector(workload),
      ingress: incoming.length > 0 ? incoming : NOTHING,
      egress: outgoing.length > 0 ? outgoing : NOTHING,
    },
    remarks: [...unknownRemarks("from", ingress), ...unknownRemarks("to", egress), ...remarks],
  };
}

/** Peers of one kind for each rule. */
function toRules(peers: Peers, ports: Rule): Rule[] {
  return peers.filter(([, items]) => items.length > 0).map(([field, items]) => ({ [field]: items, ...ports }));
}

function peersOf(direction: Direction, { peers }: RuleGroup, self: Workload, blocks: Blocks): Peers {
  const prefix = direction === "ingress" ? "from" : "to";
  const workloads = peers.flatMap((peer) => (peer.kind === "workload" ? [toEndpoints(peer.workload, self)] : []));
  const parties = peers.flatMap((peer) => (peer.kind === "party" ? [peer] : []));
  const entities = new Set(parties.flatMap(({ party }) => (party === "world" ? [] : [party])));
  const addresses = parties.flatMap(({ party, address }) => (party === "world" && address !== null ? [address] : []));
  return [
    [`${prefix}Endpoints`, workloads],
    [`${prefix}Entities`, [...entities].sort()],
    [`${prefix}CIDR`, blocks(addresses)],
  ];
}

function toEndpoints(workload: Workload, self: Workload): unknown {
  const selector = toSelector(workload);
  if (workload.namespace === self.namespace) return selector;
  const matchLabels = { [NAMESPACE]: workload.namespace, ...(selector["matchLabels"] as object | undefined) };
  return { ...selector, matchLabels };
}

function select(seen: readonly SeenTraffic[], isWanted: (port: SeenPort) => boolean): SeenTraffic[] {
  return seen.map(({ peer, ports }) => ({ peer, ports: ports.filter(isWanted) }));
}

function isIcmp({ protocol }: SeenPort): boolean {
  return protocol === "ICMP" || protocol === "ICMPv6";
}

function toPorts(ports: readonly SeenPort[]): Rule[] {
  return chunks(portRanges(ports).map(toPort)).map((items) => ({ ports: items }));
}

function toPort({ protocol, first, last }: PortRange): unknown {
  if (!isTransport(protocol)) return { protocol };
  return { port: `${first}`, ...(last > first && { endPort: last }), protocol };
}

function toIcmps(types: readonly SeenPort[]): unknown[] {
  const fields = types.map(({ protocol, port }) => ({ family: protocol === "ICMP" ? "IPv4" : "IPv6", type: port }));
  return chunks(fields).map((items) => ({ fields: items }));
}

function chunks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / MOST);
  return Array.from({ length: count }, (_, i) => items.slice(i * MOST, (i + 1) * MOST));
}

function unknownRemarks(toOrFrom: string, seen: readonly SeenTraffic[]): string[] {
  return seen.flatMap(({ peer }) => {
    if (peer.kind === "workload" || peer.party !== "world" || peer.address !== null) return [];
    return [`${toOrFrom} ${describeSeen(peer)}: left out, its address is not known`];
  });
}
