import { type Address, type Cidr, cidrContains, formatAddress, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type NamedPort, type Subject, sortNamedPorts } from "#policy/model/identity.ts";
import {
  NAMESPACE_NAME_LABEL,
  type NamespaceObject,
  type NetworkPolicyObject,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type NetworkPolicyRule,
  type PolicyObject,
} from "#policy/model/object.ts";
import type { FlowProtocol, Protocol } from "#policy/model/protocol.ts";
import type { LabelSelector, Operator, Requirement } from "#policy/model/selector.ts";
import { Random } from "./random.ts";

/** A pod of a random cluster. Pods with equal subjects have the same identity. */
export interface RandomPod {
  readonly name: string;
  readonly identity: number;
  readonly subject: Subject;
  readonly address: string;
}

export interface RandomCluster {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly objects: readonly PolicyObject[];
  readonly pods: readonly RandomPod[];
  /** Ends are pods, the node (its address is {@link RandomCluster.nodeAddress}) and the world; one is a pod. */
  readonly flows: readonly Flow[];
  readonly nodeAddress: string;
}

export interface RandomOptions {
  readonly flows?: number;
  readonly protocols?: readonly FlowProtocol[];
  /** Egress rules that give an address block ports by name; they need classes as fine as tables of named ports. */
  readonly namedPortsOfBlocks?: boolean;
}

const NAMESPACES = ["red", "green", "blue"];
const KEYS = ["app", "tier", "constructor"];
const VALUES = ["a", "b", "c"];
const PORT_NAMES = ["http", "dns", "admin"];
const PORTS = [53, 80, 81, 443, 8080, 8081];
const OPERATORS: readonly Operator[] = ["In", "NotIn", "Exists", "DoesNotExist"];
const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

/** Makes a small cluster in which rules, pods and flows often meet; the same one for the same seed. */
export function randomCluster(seed: number, options: RandomOptions = {}): RandomCluster {
  const random = new Random(seed);
  const family = random.chance(0.7) ? 4 : 6;
  const pods = randomPods(random, family);
  const blocks = blocksOf(family, pods);
  const objects: PolicyObject[] = [
    ...NAMESPACES.filter(() => random.chance(0.6)).map((name) => randomNamespace(random, name)),
    ...Array.from({ length: random.integer(1, 7) }, (_, i) => randomPolicy(random, i, blocks, options)),
  ];
  const address = (tail: string): string => (family === 4 ? `10.0.0.${tail}` : `fd00::${tail}`);
  const nodeAddress = address("254");
  const parties: Party[] = [
    ...pods.map(({ subject, address: own }) => ({ subject, address: own })),
    { reserved: "host", address: nodeAddress },
    ...outsideOf(family).map((own): Party => ({ reserved: "world", address: own })),
  ];
  const protocols = options.protocols ?? [...PROTOCOLS, family === 4 ? "ICMP" : "ICMPv6"];
  const flows = Array.from({ length: options.flows ?? 20 }, () => {
    const pod = random.pick(parties.slice(0, pods.length));
    const other = random.pick(parties.filter((party) => party !== pod));
    const [source, destination] = random.chance(0.5) ? [pod, other] : [other, pod];
    const protocol = random.pick(protocols);
    const port = protocol.startsWith("ICMP") ? 0 : randomPort(random);
    return { source, destination, protocol, port };
  });
  return { seed, family, objects: random.shuffle(objects), pods, flows, nodeAddress };
}

function randomPods(random: Random, family: 4 | 6): RandomPod[] {
  const identities = new Map<string, number>();
  return Array.from({ length: random.integer(3, 8) }, (_, i) => {
    const namedPorts = random.chance(0.5) ? sortNamedPorts(random.list(1, 3, () => randomNamedPort(random))) : [];
    const subject: Subject = {
      namespace: random.pick(NAMESPACES),
      labels: randomLabels(random),
      serviceAccount: "default",
      namedPorts,
    };
    const text = JSON.stringify([subject.namespace, Object.entries(subject.labels).sort(), namedPorts]);
    const identity = identities.get(text) ?? 256 + identities.size;
    identities.set(text, identity);
    const third = random.integer(0, 1);
    const text4 = `10.0.${third}.${10 + i}`;
    const text6 = `fd00::${third}:${(16 + i).toString(16)}`;
    const address = formatAddress(parseAddress(family === 4 ? text4 : text6) as Address);
    return { name: `pod-${i}`, identity, subject, address };
  });
}

function randomNamedPort(random: Random): NamedPort {
  return { name: random.pick(PORT_NAMES), protocol: random.pick(PROTOCOLS), port: random.pick(PORTS) };
}

function randomLabels(random: Random): Record<string, string> {
  return Object.fromEntries(KEYS.filter(() => random.chance(0.5)).map((key) => [key, random.pick(VALUES)]));
}

/** Ranges that hold pods, or nobody, or all; most of them nested. */
function blocksOf(family: 4 | 6, pods: readonly RandomPod[]): string[] {
  return family === 4
    ? ["0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "192.0.2.0/24", "192.0.2.8/30"].concat(
        pods.map(({ address }) => `${address}/32`),
      )
    : ["::/0", "fd00::/64", "fd00::/112", "fd00::1:0/112", "2001:db8::/32", "2001:db8::8/126"].concat(
        pods.map(({ address }) => `${address}/128`),
      );
}

function outsideOf(family: 4 | 6): string[] {
  return family === 4
    ? ["192.0.2.9", "192.0.2.77", "198.51.100.1", "10.0.1.200"]
    : ["2001:db8::9", "2001:db8::4d", "2620::1", "fd00::1:c8"];
}

function randomNamespace(random: Random, name: string): NamespaceObject {
  const labels = { ...randomLabels(random), [NAMESPACE_NAME_LABEL]: name };
  return { kind: "Namespace", namespace: "", name, source: { file: "namespaces.yaml", line: 1 }, labels };
}

function randomPolicy(
  random: Random,
  index: number,
  blocks: readonly string[],
  options: RandomOptions,
): NetworkPolicyObject {
  let line = 10 * index;
  const rules = (named: boolean): NetworkPolicyRule[] =>
    random.list(0, 3, () => {
      const peers = random.chance(0.25) ? [] : random.list(1, 3, () => randomPeer(random, blocks));
      const names = named || !peers.some(({ ipBlock }) => ipBlock);
      const ports = random.chance(0.3) ? [] : random.list(1, 3, () => randomPortOf(random, names));
      return { line: ++line, peers, ports };
    });
  return {
    kind: "NetworkPolicy",
    namespace: random.pick(NAMESPACES),
    name: `policy-${index}`,
    source: { file: "policies.yaml", line },
    podSelector: random.chance(0.3) ? { matchLabels: {}, matchExpressions: [] } : randomSelector(random),
    policyTypes: random.pick([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    ingress: rules(true),
    egress: rules(options.namedPortsOfBlocks ?? false),
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

function randomHoles(random: Random, cidr: string, blocks: readonly string[]): string[] {
  const range = parseCidr(cidr) as Cidr;
  const inside = blocks.filter((block) => block !== cidr && cidrContains(range, parseCidr(block) as Cidr));
  return inside.filter(() => random.chance(0.25));
}

function randomSelector(random: Random): LabelSelector {
  const matchLabels = random.chance(0.6) ? { [random.pick(KEYS)]: random.pick(VALUES) } : {};
  return { matchLabels, matchExpressions: random.chance(0.4) ? [randomRequirement(random, KEYS, VALUES)] : [] };
}

function randomNamespaceSelector(random: Random): LabelSelector {
  if (random.chance(0.5)) return randomSelector(random);
  const byName = randomRequirement(random, [NAMESPACE_NAME_LABEL], NAMESPACES);
  return { matchLabels: {}, matchExpressions: random.chance(0.3) ? [] : [byName] };
}

function randomRequirement(random: Random, keys: readonly string[], values: readonly string[]): Requirement {
  const operator = random.pick(OPERATORS);
  const listed = operator === "In" || operator === "NotIn";
  return { key: random.pick(keys), operator, values: listed ? random.list(1, 2, () => random.pick(values)) : [] };
}

function randomPortOf(random: Random, names: boolean): NetworkPolicyPort {
  const protocol = random.pick(PROTOCOLS);
  const kind = random.integer(names ? 0 : 1, 4);
  if (kind === 0) return { protocol, port: random.pick(PORT_NAMES), endPort: null };
  if (kind === 1) return { protocol, port: null, endPort: null };
  const port = random.pick(PORTS);
  return { protocol, port, endPort: kind === 2 ? port + random.pick([0, 1, 3, 100, 500]) : null };
}

function randomPort(random: Random): number {
  return random.chance(0.9) ? random.pick(PORTS) + random.pick([0, 0, 0, 1, -1]) : random.integer(1, 65535);
}
