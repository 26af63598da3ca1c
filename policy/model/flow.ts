import type { Subject } from "./identity.ts";
import type { FlowProtocol } from "./protocol.ts";

/** Whoever is not a pod. `host` is the node on which the other end lives. */
export type ReservedParty = "host" | "world" | "unmanaged" | "remote-node";

/**
 * One end of a flow. A pod has a subject, and an address once it has one; everybody else
 * has an address, and may be known as one of the reserved parties.
 */
export interface Party {
  readonly subject?: Subject;
  /** Canonical text. */
  readonly address?: string;
  readonly reserved?: ReservedParty;
}

/** A new connection, or a datagram where there are no connections. */
export interface Flow {
  readonly source: Party;
  readonly destination: Party;
  readonly protocol: FlowProtocol;
  /** Of the destination, in host order. ICMP has none. */
  readonly port: number;
}
