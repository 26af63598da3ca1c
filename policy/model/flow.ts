import type { Labels, Subject } from "./identity.ts";
import type { FlowProtocol } from "./protocol.ts";
import type { ReservedParty } from "./reserved.ts";

/**
 * One end of a flow. A pod has a subject, and an address once it has one; everybody else
 * has an address, and is one of the reserved parties: the world where nothing is said.
 */
export interface Party {
  readonly subject?: Subject;
  /** `NAMESPACE/POD`, where it is known which pod it is. */
  readonly pod?: string;
  /** Canonical text. */
  readonly address?: string;
  readonly reserved?: ReservedParty;
  /** Of the node that the party is, or that an API server runs on. */
  readonly nodeLabels?: Labels;
  /** DNS names that are known to stand for the address: lower case, no trailing dot. */
  readonly names?: readonly string[];
}

/** A new connection, or a datagram where there are no connections. */
export interface Flow {
  readonly source: Party;
  readonly destination: Party;
  readonly protocol: FlowProtocol;
  /** Of the destination, in host order. ICMP: the type. Of a protocol without ports 0. */
  readonly port: number;
}

/** Who somebody is that is no pod. */
export function reservedOf({ reserved }: Party): ReservedParty {
  return reserved ?? "world";
}

/** The own node or another; also an API server that runs on one. */
export function isNode(party: Party): boolean {
  const reserved = reservedOf(party);
  if (party.subject) return false;
  return reserved === "host" || reserved === "remote-node" || isServerOnNode(party);
}

/** Neither a pod nor a node, nor known by a name of its own; also an API server outside of the cluster. */
export function isOutside(party: Party): boolean {
  const reserved = reservedOf(party);
  if (party.subject) return false;
  return reserved === "world" || (reserved === "kube-apiserver" && !isServerOnNode(party));
}

/** Whether a party is of an entity that has a reserved party's name, or `cluster`. */
export function isOfEntity(party: Party, entity: ReservedParty | "cluster"): boolean {
  const reserved = reservedOf(party);
  if (party.subject) return entity === "cluster";
  if (entity === "world") return isOutside(party);
  if (entity === "cluster") return reserved !== "world";
  return entity === reserved || (entity === "remote-node" && isServerOnNode(party));
}

function isServerOnNode({ subject, reserved, nodeLabels }: Party): boolean {
  return !subject && reserved === "kube-apiserver" && nodeLabels !== undefined;
}
