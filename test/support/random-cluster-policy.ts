import type { ClusterPeer, ClusterPolicyObject, ClusterPort, ClusterRule } from "#policy/model/cluster-object.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import type { Random } from "./random.ts";
import { EVERY, NAME_MATCHES, PORTS, PORT_NAMES, randomNamespaceSelector, randomScope } from "./random-vocabulary.ts";

export interface ClusterPolicyWords {
  readonly blocks: readonly string[];
  /** Egress rules that give an address block ports by name. */
  readonly namedPortsOfBlocks: boolean;
}

/** A ClusterNetworkPolicy of either tier, or one of its predecessors. */
export function randomClusterPolicy(random: Random, index: number, words: ClusterPolicyWords): ClusterPolicyObject {
  const tier = random.pick(["Admin", "Baseline"] as const);
  const isOld = random.chance(0.3);
  const kinds = { Admin: "AdminNetworkPolicy", Baseline: "BaselineAdminNetworkPolicy" } as const;
  let line = 100 * index;
  const rules = (direction: "ingress" | "egress"): ClusterRule[] =>
    random.list(0, 3, () => {
      const peers = random.list(1, 2, () => randomPeer(random, direction, words.blocks));
      const names =
        words.namedPortsOfBlocks || direction === "ingress" || !peers.some(({ kind }) => kind === "networks");
      const ports = random.chance(0.6) ? [] : random.list(1, 2, () => randomPort(random, names));
      return { line: ++line, action: random.pick(["Accept", "Deny", "Pass"] as const), peers, ports };
    });
  return {
    kind: isOld ? kinds[tier] : "ClusterNetworkPolicy",
    namespace: "",
    name: `policy-${index}`,
    source: { file: "policies.yaml", line },
    controls: NO_CONTROLS,
    tier,
    // Few, so that equal ones meet.
    priority: isOld && tier === "Baseline" ? 1001 : random.pick([0, 7, 7, 7, 1000]),
    subject: {
      namespaces: random.chance(0.4) ? randomNamespaceSelector(random) : EVERY,
      pods: randomScope(random, 0.6),
    },
    ingress: rules("ingress"),
    egress: rules("egress"),
  };
}

function randomPeer(random: Random, direction: "ingress" | "egress", blocks: readonly string[]): ClusterPeer {
  const kind = random.pick(["pods", "pods", "pods", "nodes", "networks", "names"] as const);
  switch (kind) {
    case "pods":
      return { kind, namespaces: randomNamespaceSelector(random), pods: randomScope(random, 0.6) };
    case "nodes":
      return { kind, selector: randomScope(random, 0.4) };
    case "networks":
      return { kind, cidrs: random.list(1, 2, () => random.pick(blocks)) };
    case "names":
      // What comes in has no name: it is only looked up on the way out.
      if (direction === "ingress") return { kind: "networks", cidrs: [random.pick(blocks)] };
      return { kind, names: random.list(1, 2, () => random.pick(NAME_MATCHES)) };
  }
}

function randomPort(random: Random, names: boolean): ClusterPort {
  const protocol = random.pick(PROTOCOLS);
  const kind = random.pick(names ? (["all", "range", "range", "name"] as const) : (["all", "range"] as const));
  if (kind === "name") return { kind, name: random.pick(PORT_NAMES) };
  if (kind === "all") return { kind, protocol };
  const first = random.pick(PORTS);
  return { kind, protocol, first, last: first + random.pick([0, 0, 1, 100, 500]) };
}
