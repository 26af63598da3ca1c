import type {
  CiliumCidr,
  CiliumPolicyObject,
  CiliumRule,
  CiliumSection,
  CiliumService,
  CiliumSpec,
} from "#policy/model/cilium-object.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import { ENTITIES } from "#policy/model/reserved.ts";
import { randomIcmps, randomPortItem } from "./random-cilium-ports.ts";
import { randomCiliumSelector, randomEndpointSelector } from "./random-cilium-selector.ts";
import { randomHoles } from "./random-kubernetes.ts";
import type { Random } from "./random.ts";
import { NAME_MATCHES, PLACES, randomScope, randomSelector } from "./random-vocabulary.ts";

export interface CiliumWords {
  readonly blocks: readonly string[];
  readonly wideBlocks: readonly string[];
  readonly family: 4 | 6;
  /** Policies about nodes. */
  readonly hostPolicies: boolean;
}

const WITHOUT_PEERS = { endpoints: null, cidrs: null, entities: null, nodes: null, services: null, names: null };
const KINDS = ["endpoints", "endpoints", "endpoints", "cidrs", "cidrs", "entities", "nodes"] as const;

/** A CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy of one spec or several. */
export function randomCiliumPolicy(random: Random, index: number, words: CiliumWords): CiliumPolicyObject {
  const isClusterwide = random.chance(0.4);
  const lines = { next: 100 * index };
  const prefixes = random.chance(0.8)
    ? [""]
    : random.pick([
        ["", "specs[0]."],
        ["specs[0].", "specs[1]."],
      ]);
  return {
    kind: isClusterwide ? "CiliumClusterwideNetworkPolicy" : "CiliumNetworkPolicy",
    namespace: isClusterwide ? "" : random.pick(PLACES),
    name: `policy-${index}`,
    source: { file: "policies.yaml", line: lines.next },
    controls: NO_CONTROLS,
    specs: prefixes.map((prefix) => {
      const isHost = isClusterwide && words.hostPolicies && random.chance(0.4);
      return randomSpec(random, prefix, isHost, lines, words);
    }),
  };
}

function randomSpec(
  random: Random,
  prefix: string,
  isHost: boolean,
  lines: { next: number },
  words: CiliumWords,
): CiliumSpec {
  const rules = (section: CiliumSection, most: number): CiliumRule[] =>
    random.list(0, most, () => ({ ...randomRule(random, section, words), line: ++lines.next }));
  const isDeny = random.chance(0.35);
  const [ingress, egress] = [rules("ingress", 3), rules("egress", 3)];
  const [ingressDeny, egressDeny] = isDeny ? [rules("ingressDeny", 2), rules("egressDeny", 2)] : [[], []];
  const given = random.chance(0.4);
  return {
    prefix,
    endpoints: isHost ? null : randomEndpointSelector(random),
    nodes: isHost ? randomScope(random, 0.5) : null,
    ingress,
    ingressDeny,
    egress,
    egressDeny,
    defaultDeny: given
      ? { ingress: random.chance(0.3), egress: random.chance(0.3) }
      : { ingress: ingress.length + ingressDeny.length > 0, egress: egress.length + egressDeny.length > 0 },
  };
}

function randomRule(random: Random, section: CiliumSection, words: CiliumWords): Omit<CiliumRule, "line"> {
  const isDeny = section.endsWith("Deny");
  const peers = random.chance(0.25) ? {} : randomPeers(random, section, words);
  const requires = !isDeny && random.chance(0.15) ? [randomCiliumSelector(random)] : [];
  const kind = random.pick(["none", "none", "ports", "ports", "ports", "ports", "icmps"] as const);
  return {
    ...WITHOUT_PEERS,
    ...peers,
    requires,
    ports: kind === "ports" ? random.list(1, 2, () => randomPortItem(random, !isDeny)) : null,
    icmps: kind === "icmps" ? randomIcmps(random, words.family) : null,
  };
}

/** One kind of peers. Only what goes out has services and names, and names are never denied. */
function randomPeers(random: Random, section: CiliumSection, words: CiliumWords): Partial<CiliumRule> {
  const list = <T>(make: () => T): T[] => (random.chance(0.04) ? [] : random.list(1, 2, make));
  if (section.startsWith("egress") && random.chance(0.2)) return { services: list(() => randomServicePeer(random)) };
  if (section === "egress" && random.chance(0.15)) return { names: list(() => random.pick(NAME_MATCHES)) };
  switch (random.pick(KINDS)) {
    case "endpoints":
      return { endpoints: list(() => randomCiliumSelector(random)) };
    case "cidrs":
      return { cidrs: list(() => randomCidr(random, words)) };
    case "entities":
      return { entities: list(() => random.pick(ENTITIES)) };
    case "nodes":
      return { nodes: list(() => randomScope(random, 0.4)) };
  }
}

function randomCidr(random: Random, { blocks, wideBlocks }: CiliumWords): CiliumCidr {
  const cidr = random.pick(random.chance(0.8) ? wideBlocks : blocks);
  const kind = random.pick(["cidr", "group", "groups"] as const);
  if (kind === "cidr") return { kind, cidr, except: randomHoles(random, cidr, blocks) };
  const except = random.chance(0.3) ? [cidr] : [];
  if (kind === "group") return { kind, name: `group-${random.integer(0, 2)}`, except };
  return { kind, selector: randomScope(random, 0.2), except };
}

function randomServicePeer(random: Random): CiliumService {
  const namespace = random.chance(0.25) ? random.pick(PLACES) : "";
  return random.chance(0.5)
    ? { kind: "name", namespace, name: `service-${random.integer(0, 1)}` }
    : { kind: "labels", namespace, selector: randomSelector(random) };
}
