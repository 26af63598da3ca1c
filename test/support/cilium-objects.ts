import type {
  CiliumPolicyObject,
  CiliumPort,
  CiliumPorts,
  CiliumRule,
  CiliumSpec,
} from "#policy/model/cilium-object.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { L7Rules } from "#policy/model/l7.ts";
import { EVERY, source } from "./policy-objects.ts";

/** As the parser makes it: a direction with a rule is one that it isolates, unless it says otherwise. */
export function ciliumSpec(more: Partial<CiliumSpec> = {}): CiliumSpec {
  const { ingress = [], ingressDeny = [], egress = [], egressDeny = [] } = more;
  return {
    prefix: "",
    endpoints: more.nodes ? null : EVERY,
    nodes: null,
    ingress,
    ingressDeny,
    egress,
    egressDeny,
    defaultDeny: { ingress: ingress.length + ingressDeny.length > 0, egress: egress.length + egressDeny.length > 0 },
    ...more,
  };
}

/** A CiliumNetworkPolicy of the namespace `n`, for all of its pods. */
export function ciliumPolicy(
  spec: Partial<CiliumSpec> | readonly CiliumSpec[],
  more: Partial<CiliumPolicyObject> = {},
): CiliumPolicyObject {
  const specs = Array.isArray(spec) ? (spec as readonly CiliumSpec[]) : [ciliumSpec(spec as Partial<CiliumSpec>)];
  return { kind: "CiliumNetworkPolicy", namespace: "n", name: "c", source, controls: NO_CONTROLS, specs, ...more };
}

/** A CiliumClusterwideNetworkPolicy, for all pods or for nodes. */
export function clusterwidePolicy(
  spec: Partial<CiliumSpec>,
  more: Partial<CiliumPolicyObject> = {},
): CiliumPolicyObject {
  return ciliumPolicy(spec, { kind: "CiliumClusterwideNetworkPolicy", namespace: "", name: "cc", ...more });
}

export function ciliumRule(more: Partial<CiliumRule> = {}): CiliumRule {
  return {
    line: 1,
    endpoints: null,
    cidrs: null,
    entities: null,
    nodes: null,
    services: null,
    names: null,
    requires: [],
    ports: null,
    icmps: null,
    ...more,
  };
}

/** An item of `toPorts`. */
export function portItem(ports: readonly CiliumPort[], l7: L7Rules | null = null): CiliumPorts {
  return { ports, serverNames: [], l7 };
}

export function onPort(
  port: CiliumPort["port"],
  protocol: CiliumPort["protocol"] = "TCP",
  endPort: number | null = null,
): CiliumPort {
  return { protocol, port, endPort };
}

/** All GET requests. */
export const GET: L7Rules = {
  family: "http",
  rules: [{ method: "GET", path: null, host: null, headers: [], headerMatches: [] }],
};
