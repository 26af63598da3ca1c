import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import { isTransport } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import { portRanges } from "./port-ranges.ts";
import { type RuleGroup, groupByPorts } from "./rule-groups.ts";
import type { SeenPeer, SeenPort, SeenTraffic, WorkloadTraffic } from "./traffic.ts";
import { describePorts, describeSeen } from "./words.ts";
import type { Workload } from "./workloads.ts";

/** Addresses as ranges. */
export type Blocks = (addresses: readonly string[]) => string[];

/** What a policy is made of, and what is to be told with it. */
export interface Written {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly remarks: readonly string[];
}

/** Says what was seen of a workload as the `spec` of a NetworkPolicy. */
export function toNetworkPolicy({ workload, ingress, egress }: WorkloadTraffic, blocks: Blocks): Written {
  const remarks = [...remarksOf("ingress", ingress), ...remarksOf("egress", egress)];
  const rules = (direction: Direction, seen: readonly SeenTraffic[]): unknown[] =>
    groupByPorts(seen.flatMap(sayable)).map((group) => toRule(direction, group, workload, blocks));
  return {
    spec: {
      podSelector: toSelector(workload),
      policyTypes: ["Ingress", "Egress"],
      ingress: rules("ingress", ingress),
      egress: rules("egress", egress),
    },
    remarks,
  };
}

function toRule(direction: Direction, { peers, ports }: RuleGroup, self: Workload, blocks: Blocks): unknown {
  const pods = peers.flatMap((peer) => (peer.kind === "workload" ? [toPeer(peer.workload, self)] : []));
  const addresses = peers.flatMap((peer) => (peer.kind === "party" && peer.address !== null ? [peer.address] : []));
  const list = [...pods, ...blocks(addresses).map((cidr) => ({ ipBlock: { cidr } }))];
  return { [direction === "ingress" ? "from" : "to"]: list, ports: portRanges(ports).map(toPort) };
}

function toPeer(workload: Workload, self: Workload): unknown {
  const podSelector = toSelector(workload);
  if (workload.namespace === self.namespace) return { podSelector };
  return { namespaceSelector: { matchLabels: { [NAMESPACE_NAME_LABEL]: workload.namespace } }, podSelector };
}

function toPort({ protocol, first, last }: ReturnType<typeof portRanges>[number]): unknown {
  return { protocol, port: first, ...(last > first && { endPort: last }) };
}

/** A label selector as Kubernetes writes it. */
export function toSelector({ selector: { labels, absent } }: Workload): Record<string, unknown> {
  return {
    ...(Object.keys(labels).length > 0 && { matchLabels: labels }),
    ...(absent.length > 0 && { matchExpressions: absent.map((key) => ({ key, operator: "DoesNotExist" })) }),
  };
}

/** What a NetworkPolicy has words for. */
function sayable({ peer, ports }: SeenTraffic): SeenTraffic[] {
  return hasWords(peer) ? [{ peer, ports: ports.filter(isSayable) }] : [];
}

function hasWords(peer: SeenPeer): boolean {
  return peer.kind === "workload" || peer.address !== null;
}

function isSayable({ protocol }: SeenPort): boolean {
  return isTransport(protocol);
}

function remarksOf(direction: Direction, seen: readonly SeenTraffic[]): string[] {
  const toOrFrom = direction === "ingress" ? "from" : "to";
  return seen.flatMap(({ peer, ports }) => {
    const who = `${toOrFrom} ${describeSeen(peer)}`;
    if (!hasWords(peer)) return [`${who}: left out, a NetworkPolicy knows it by no address`];
    const silent = ports.filter((port) => !isSayable(port));
    const unsaid =
      silent.length > 0 ? [`${who}: ${describePorts(silent)} left out, a NetworkPolicy cannot name it`] : [];
    if (peer.kind === "workload" || silent.length === ports.length) return unsaid;
    if (peer.party !== "world") return [...unsaid, `${who}: by its address, for which a NetworkPolicy has no name`];
    return peer.names.length > 0 ? [...unsaid, `${who}: by its address, which may change`] : unsaid;
  });
}
