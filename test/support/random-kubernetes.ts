import { type Cidr, cidrContains, parseCidr } from "#policy/model/cidr.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type {
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicyRule,
} from "#policy/model/object.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import type { Random } from "./random.ts";
import {
  PLACES,
  PORTS,
  PORT_NAMES,
  randomNamespaceSelector,
  randomScope,
  randomSelector,
} from "./random-vocabulary.ts";

export interface NetworkPolicyWords {
  readonly blocks: readonly string[];
  /** Egress rules that give an address block ports by name. */
  readonly namedPortsOfBlocks: boolean;
}

export function randomNetworkPolicy(random: Random, index: number, words: NetworkPolicyWords): NetworkPolicyObject {
  let line = 100 * index;
  const rules = (named: boolean): NetworkPolicyRule[] =>
    random.list(0, 3, () => {
      const peers = random.chance(0.25) ? [] : random.list(1, 3, () => randomPeer(random, words.blocks));
      const names = named || !peers.some(({ ipBlock }) => ipBlock);
      const ports = random.chance(0.3) ? [] : random.list(1, 3, () => randomPort(random, names));
      return { line: ++line, peers, ports };
    });
  return {
    kind: "NetworkPolicy",
    namespace: random.pick(PLACES),
    name: `policy-${index}`,
    source: { file: "policies.yaml", line },
    controls: NO_CONTROLS,
    podSelector: randomScope(random, 0.5),
    policyTypes: random.pick([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    ingress: rules(true),
    egress: rules(words.namedPortsOfBlocks),
  };
}

function randomPeer(random: Random, blocks: readonly string[]): NetworkPolicyPeer {
  if (random.chance(0.35)) {
    const cidr = random.pick(blocks);
    return { podSelector: null, namespaceSelector: null, ipBlock: { cidr, except: randomHoles(random, cidr, blocks) } };
  }
  const which = random.integer(1, 3);
  return {
    podSelector: which & 1 ? randomSelector(random) : null,
    namespaceSelector: which & 2 ? randomNamespaceSelector(random) : null,
    ipBlock: null,
  };
}

/** Some of the blocks that lie in a range. */
export function randomHoles(random: Random, cidr: string, blocks: readonly string[]): string[] {
  const range = parseCidr(cidr) as Cidr;
  const inside = blocks.filter((block) => block !== cidr && cidrContains(range, parseCidr(block) as Cidr));
  return inside.filter(() => random.chance(0.25));
}

function randomPort(random: Random, names: boolean): NetworkPolicyPort {
  const protocol = random.pick(PROTOCOLS);
  const kind = random.integer(names ? 0 : 1, 4);
  if (kind === 0) return { protocol, port: random.pick(PORT_NAMES), endPort: null };
  if (kind === 1) return { protocol, port: null, endPort: null };
  const port = random.pick(PORTS);
  return { protocol, port, endPort: kind === 2 ? port + random.pick([0, 1, 3, 100, 500]) : null };
}
