import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import type { CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import type { Party } from "#policy/model/flow.ts";
import { type NamedPort, type Subject, formatNamedPorts, sortNamedPorts } from "#policy/model/identity.ts";
import {
  type EndpointSliceObject,
  NAMESPACE_NAME_LABEL,
  type NamespaceObject,
  type NodeObject,
  type PodObject,
  type PolicyObject,
  type ServiceObject,
} from "#policy/model/object.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import { RESERVED_PARTIES, type ReservedParty } from "#policy/model/reserved.ts";
import type { Random } from "./random.ts";
import {
  ACCOUNTS,
  DNS_NAMES,
  NAMESPACES,
  PLACES,
  PORTS,
  PORT_NAMES,
  randomLabel,
  randomLabels,
} from "./random-vocabulary.ts";

/** A pod of a random cluster. Pods with equal subjects have the same identity. */
export interface RandomPod {
  readonly name: string;
  readonly identity: number;
  readonly subject: Subject;
  readonly address: string;
}

/** Who is in a cluster and around it, before any policy. */
export interface RandomGround {
  readonly family: 4 | 6;
  readonly pods: readonly RandomPod[];
  /** Everybody: pods, the own node and others, the other reserved parties, and the world. */
  readonly parties: readonly Party[];
  /** Ranges that hold pods, nodes, the world, or nobody; many nested. */
  readonly blocks: readonly string[];
  /** Those of them that are not about one pod. */
  readonly wideBlocks: readonly string[];
  /** Without policies. */
  readonly objects: readonly PolicyObject[];
}

/** How many of the parties, the last ones, are the world. */
export const WORLDS = 4;

const source = { file: "cluster.yaml", line: 1 };

/** @param reserved Which reserved parties there are beside the own node and the world. */
export function randomGround(random: Random, reserved: readonly ReservedParty[] = RESERVED_PARTIES): RandomGround {
  const family = random.chance(0.7) ? 4 : 6;
  const pods = randomPods(random, family);
  const parties = randomParties(random, family, pods, reserved);
  const wideBlocks = WIDE_BLOCKS[family];
  const blocks = [...wideBlocks, ...pods.map(({ address }) => `${address}/${family === 4 ? 32 : 128}`)];
  const services = random.list(2, 4, () => randomService(random)).map((one, i) => ({ ...one, name: `service-${i}` }));
  const groups = [0, 1].map((i): CiliumCidrGroupObject => {
    const cidrs = random.list(1, 2, () => random.pick(wideBlocks));
    return { kind: "CiliumCIDRGroup", namespace: "", name: `group-${i}`, source, labels: randomLabels(random), cidrs };
  });
  const objects = [
    ...NAMESPACES.filter(() => random.chance(0.6)).map((name) => randomNamespace(random, name)),
    ...pods.map(toPodObject),
    ...nodeObjects(parties),
    ...services,
    ...services.map((service, i) => randomSlice(random, service, i, parties)),
    ...groups,
  ];
  return { family, pods, parties, blocks, wideBlocks, objects };
}

function randomPods(random: Random, family: 4 | 6): RandomPod[] {
  const identities = new Map<string, number>();
  return Array.from({ length: random.integer(3, 8) }, (_, i) => {
    const namedPorts = random.chance(0.5) ? sortNamedPorts(random.list(1, 3, () => randomNamedPort(random))) : [];
    const namespace = random.pick(PLACES);
    const labels = randomLabels(random);
    const serviceAccount = random.pick(ACCOUNTS);
    const subject: Subject = { namespace, labels, serviceAccount, namedPorts };
    const text = JSON.stringify([namespace, Object.entries(labels), serviceAccount, formatNamedPorts(namedPorts)]);
    const identity = identities.get(text) ?? 256 + identities.size;
    identities.set(text, identity);
    const third = random.integer(0, 1);
    const address = family === 4 ? `10.0.${third}.${10 + i}` : canonical(`fd00::${third}:${(16 + i).toString(16)}`);
    return { name: `pod-${i}`, identity, subject, address };
  });
}

function canonical(address: string): string {
  const parsed = parseAddress(address);
  return parsed ? formatAddress(parsed) : address;
}

function randomNamedPort(random: Random): NamedPort {
  return { name: random.pick(PORT_NAMES), protocol: random.pick(["TCP", ...PROTOCOLS]), port: random.pick(PORTS) };
}

/** All parties of a cluster: first its pods, then its node, then the rest. */
function randomParties(
  random: Random,
  family: 4 | 6,
  pods: readonly RandomPod[],
  reserved: readonly ReservedParty[],
): Party[] {
  const inside = (tail: number): string => (family === 4 ? `10.0.0.${tail}` : `fd00::${tail.toString(16)}`);
  const node = (kind: "host" | "remote-node", tail: number): Party => {
    const party: Party = { reserved: kind, address: inside(tail) };
    return random.chance(0.85) ? { ...party, nodeLabels: randomLabels(random) } : party;
  };
  const special = reserved.filter((kind) => kind !== "host" && kind !== "world" && kind !== "remote-node");
  const outside =
    family === 4
      ? ["192.0.2.9", "192.0.2.77", "198.51.100.1", "10.0.1.200"]
      : ["2001:db8::9", "2001:db8::4d", "2620::1", "fd00::1:c8"];
  return [
    ...pods.map(({ subject, address }) => ({ subject, address })),
    node("host", 254),
    ...(reserved.includes("remote-node") ? [node("remote-node", 253), node("remote-node", 252)] : []),
    ...special.map((kind, i) => {
      const party: Party = { reserved: kind, address: inside(240 + i) };
      return kind === "kube-apiserver" ? { ...party, ...randomServer(random) } : party;
    }),
    ...outside.map((address): Party => {
      const names = DNS_NAMES.filter(() => random.chance(0.4));
      // Who says nothing is the world, too.
      const world: Party = random.chance(0.7) ? { reserved: "world", address } : { address };
      return names.length > 0 ? { ...world, names } : world;
    }),
  ];
}

/** An API server runs on a node, or outside of the cluster, where it may have a name. */
function randomServer(random: Random): Pick<Party, "nodeLabels" | "names"> {
  return random.chance(0.5) ? { nodeLabels: randomLabels(random) } : { names: [random.pick(DNS_NAMES)] };
}

const WIDE_BLOCKS = {
  4: ["0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "192.0.2.0/24", "192.0.2.8/30", "198.51.100.0/24"],
  6: ["::/0", "fd00::/64", "fd00::/112", "fd00::1:0/112", "2001:db8::/32", "2001:db8::8/126", "2620::/16"],
} as const;

function randomNamespace(random: Random, name: string): NamespaceObject {
  const labels = { ...randomLabels(random), [NAMESPACE_NAME_LABEL]: name };
  return { kind: "Namespace", namespace: "", name, source, labels };
}

function toPodObject({ name, subject, address }: RandomPod): PodObject {
  return { kind: "Pod", name, source, ...subject, addresses: [address], hostNetwork: false };
}

function nodeObjects(parties: readonly Party[]): NodeObject[] {
  return parties
    .filter(({ nodeLabels }) => nodeLabels !== undefined)
    .map(({ address = "", nodeLabels = {} }, i) => {
      return { kind: "Node", namespace: "", name: `node-${i}`, source, labels: nodeLabels, addresses: [address] };
    });
}

function randomService(random: Random): ServiceObject {
  const selector = random.pick([randomLabel(random), randomLabel(random), {}, null, null]);
  const labels = randomLabels(random);
  return { kind: "Service", namespace: random.pick(PLACES), name: "", source, labels, selector };
}

/** Backends of a service, most of them outside of the cluster. */
function randomSlice(
  random: Random,
  service: ServiceObject,
  i: number,
  parties: readonly Party[],
): EndpointSliceObject {
  const addresses = random.list(
    1,
    3,
    () => random.pick(random.chance(0.7) ? parties.slice(-WORLDS) : parties).address ?? "",
  );
  const { namespace, name } = service;
  return { kind: "EndpointSlice", namespace, name: `slice-${i}`, source, service: name, addresses };
}
