import type { PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { CILIUM_SECTIONS } from "#policy/model/cilium-object.ts";
import { type FlowProtocol, PORTLESS_PROTOCOLS } from "#policy/model/protocol.ts";
import type { ReservedParty } from "#policy/model/reserved.ts";
import { randomCiliumPolicy } from "./random-cilium.ts";
import { type RandomGround, type RandomPod, WORLDS, randomGround } from "./random-cluster.ts";
import { randomClusterPolicy } from "./random-cluster-policy.ts";
import { randomObjectControls } from "./random-controls.ts";
import { randomNetworkPolicy } from "./random-kubernetes.ts";
import { Random } from "./random.ts";
import { randomFlowPort } from "./random-vocabulary.ts";

export type { RandomPod } from "./random-cluster.ts";

export interface RandomCluster {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly objects: readonly PolicyObject[];
  readonly pods: readonly RandomPod[];
  /** Everybody: pods, nodes, other reserved parties, and the world with its names. */
  readonly parties: readonly Party[];
  /** Between parties of the cluster; one end at least is a pod, or a node if there are policies about nodes. */
  readonly flows: readonly Flow[];
  readonly nodeAddress: string;
}

export type PolicyLanguage = "kubernetes" | "cilium" | "cluster";

/** What there is in a cluster; without an option everything. */
export interface RandomOptions {
  readonly flows?: number;
  readonly languages?: readonly PolicyLanguage[];
  /** `ICMP` stands for the one of the cluster's family. */
  readonly protocols?: readonly FlowProtocol[];
  /** Parties beside pods, the own node and the world. */
  readonly reserved?: readonly ReservedParty[];
  /** Policies about nodes, and flows between those that are no pods. */
  readonly hostPolicies?: boolean;
  /** Egress rules that give an address block ports by name; they need classes as fine as tables of named ports. */
  readonly namedPortsOfBlocks?: boolean;
  /** Rules that are staged, end, or are limited. */
  readonly controls?: boolean;
}

/** As much of it as the datapath knows. */
export const DATAPATH_OPTIONS: RandomOptions = {
  languages: ["kubernetes"],
  protocols: ["TCP", "UDP", "SCTP", "ICMP"],
  reserved: [],
  hostPolicies: false,
  namedPortsOfBlocks: false,
  controls: false,
};

const LANGUAGES: readonly PolicyLanguage[] = ["kubernetes", "cilium", "cilium", "cilium", "cluster", "cluster"];
const COMMON: readonly FlowProtocol[] = ["TCP", "TCP", "TCP", "UDP", "SCTP", "ICMP"];

/** Makes a small cluster in which rules, parties and flows often meet; the same one for the same seed. */
export function randomCluster(seed: number, options: RandomOptions = {}): RandomCluster {
  const random = new Random(seed);
  const ground = randomGround(random, options.reserved);
  const { family, pods, parties } = ground;
  const policies = Array.from({ length: random.integer(2, 10) }, (_, i) => randomPolicy(random, i, ground, options));
  const flows = Array.from({ length: options.flows ?? 20 }, () => randomFlow(random, ground, options));
  const nodeAddress = parties.find(({ reserved }) => reserved === "host")?.address ?? "";
  const objects = random.shuffle([...ground.objects, ...policies]);
  return { seed, family, objects, pods, parties, flows, nodeAddress };
}

function randomPolicy(random: Random, index: number, ground: RandomGround, options: RandomOptions): PolicyKindObject {
  const { namedPortsOfBlocks = true, hostPolicies = true, controls = true, languages = LANGUAGES } = options;
  const words = { ...ground, namedPortsOfBlocks, hostPolicies };
  const make = { kubernetes: randomNetworkPolicy, cilium: randomCiliumPolicy, cluster: randomClusterPolicy };
  const policy = make[random.pick(languages)](random, index, words);
  return controls ? { ...policy, controls: randomObjectControls(random, ruleNames(policy)) } : policy;
}

/** The names of an object's rules, as they are reported and as controls have them. */
function ruleNames(policy: PolicyKindObject): string[] {
  if ("specs" in policy) {
    return policy.specs.flatMap((spec) =>
      CILIUM_SECTIONS.flatMap((section) => spec[section].map((_, i) => `${spec.prefix}${section}[${i}]`)),
    );
  }
  return (["ingress", "egress"] as const).flatMap((section) => policy[section].map((_, i) => `${section}[${i}]`));
}

function randomFlow(random: Random, { parties, pods, family }: RandomGround, options: RandomOptions): Flow {
  const nodes = parties.filter(({ nodeLabels }) => nodeLabels !== undefined);
  const isAboutNode = (options.hostPolicies ?? true) && nodes.length > 0 && random.chance(0.2);
  const one = random.pick(isAboutNode ? nodes : parties.slice(0, pods.length));
  const others = random.pick([parties, parties, parties.slice(0, pods.length), parties.slice(-WORLDS)]);
  const other = random.pick(others.filter((party) => party !== one));
  const [source, destination] = random.chance(0.5) ? [one, other] : [other, one];
  const protocols = options.protocols ?? [...COMMON, ...COMMON, random.pick(PORTLESS_PROTOCOLS)];
  const named = destination.subject?.namedPorts.filter(({ protocol }) => protocols.includes(protocol)) ?? [];
  if (named.length > 0 && random.chance(0.4)) {
    const { protocol, port } = random.pick(named);
    return { source, destination, protocol, port };
  }
  const chosen = random.pick(protocols);
  const protocol = chosen === "ICMP" && family === 6 ? "ICMPv6" : chosen;
  return { source, destination, protocol, port: randomFlowPort(random, protocol, family) };
}
