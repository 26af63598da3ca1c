import { EndpointNumber, ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import type { Labels } from "#policy/model/identity.ts";
import type { GuardedEnd } from "./guarded-endpoint.ts";
import type { OutsiderPlan } from "./outsiders.ts";

const NO_MAC = "00:00:00:00:00:00";

/** The number of the node itself among endpoints. */
export const HOST = EndpointNumber.HOST;

/**
 * The node as an endpoint: what it is while some policy selects it.
 *
 * @param prefixes Its own addresses, as host routes.
 */
export function hostEndpoint(prefixes: Iterable<string>, labels: Labels): GuardedEnd {
  return {
    id: HOST,
    incarnation: 0,
    identity: ReservedIdentity.HOST,
    subject: { nodeLabels: labels },
    ifindex: 0,
    mac: NO_MAC,
    hostMac: NO_MAC,
    ipv4: null,
    ipv6: null,
    viaStack: false,
    nodeAddresses: [...prefixes].map((prefix) => prefix.slice(0, prefix.indexOf("/"))).sort(),
  };
}

/** Whether some policy selects the node, staged ones included: these are to be told of. */
export function guardsHost(engine: PolicyEngine, { ownLabels }: OutsiderPlan): boolean {
  return engine.governing({ nodeLabels: ownLabels }).length > 0;
}
