import { NO_CONTROLS } from "#policy/model/controls.ts";
import { type Flow, type Party, isOutside, reservedOf } from "#policy/model/flow.ts";
import {
  NAMESPACE_NAME_LABEL,
  type NodeObject,
  type PolicyObject,
  isPolicyKind,
  subjectOf,
} from "#policy/model/object.ts";
import type { GroupMember, PartyGroup, PolicyChange } from "#policy/diff/policy-change.ts";
import { cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { matchesName } from "#policy/model/name-match.ts";
import { namedParties } from "#policy/simulate/party-candidates.ts";
import { portSegments } from "#policy/simulate/port-segments.ts";
import { World, type WorldOptions } from "#policy/simulate/world.ts";
import { type RandomCluster, type RandomOptions, randomCluster } from "#test/support/random-policy.ts";
import { Random } from "#test/support/random.ts";
import { randomLabels } from "#test/support/random-vocabulary.ts";
import { withSecondFamily } from "./second-family.ts";

/** A cluster before and after a change, with flows as both see them. */
export interface RandomChange {
  readonly before: readonly PolicyObject[];
  readonly after: readonly PolicyObject[];
  readonly flows: readonly (readonly [before: Flow, after: Flow])[];
  /** Protocols that are told of by name. */
  readonly named: ReadonlySet<string>;
}

const source = { file: "cluster.yaml", line: 1 };

/**
 * Policies come, go and change, and so do labels of pods, namespaces and nodes, and services.
 *
 * @param judging By which rules count.
 */
export function randomChange(seed: number, options: RandomOptions = {}, judging: WorldOptions = {}): RandomChange {
  const random = new Random(seed);
  const plain = randomCluster(seed, options);
  const labelled = new Map(plain.parties.map((party) => [party, withLabels(party)]));
  const parties = [...labelled.values()];
  const complete: RandomCluster = {
    ...plain,
    parties,
    objects: closed(plain.objects, parties),
    flows: plain.flows.map(({ source, destination, ...what }) => ({
      source: labelled.get(source) ?? source,
      destination: labelled.get(destination) ?? destination,
      ...what,
    })),
  };
  const cluster = random.chance(0.5) ? withSecondFamily(random, complete) : complete;
  const { objects } = cluster;
  const other = randomCluster(seed + 1_000_000, options).objects.filter(isPolicyKind);
  const renamed = other.map((policy): PolicyObject => ({ ...policy, name: `other-${policy.name}` }));
  const before = [...objects, ...renamed].filter((object) => !isPolicyKind(object) || random.chance(0.6));
  const after = [...objects, ...renamed]
    .filter((object) => !isPolicyKind(object) || random.chance(0.6))
    .map((object) => (random.chance(0.2) ? changed(random, object) : object));
  // Of parties of which neither objects nor rules tell nobody has to speak.
  const worlds = [new World(before, judging), new World(after, judging)];
  const reserved = namedParties(worlds).add("remote-node").add("kube-apiserver");
  const isKnown = (end: Party): boolean => end.subject !== undefined || isOutside(end) || reserved.has(reservedOf(end));
  const known = cluster.flows.filter(({ source, destination }) => isKnown(source) && isKnown(destination));
  const flows = known.map(({ source, destination, ...what }) => {
    const flow = (world: readonly PolicyObject[]): Flow => ({
      source: partyIn(world, source),
      destination: partyIn(world, destination),
      ...what,
    });
    return [flow(before), flow(after)] as const;
  });
  const named = new Set(portSegments(worlds).map(({ protocol }) => protocol));
  return { before, after: random.shuffle(after), flows, named };
}

/** Every node has labels, and objects tell of it. */
function withLabels(party: Party): Party {
  const isNode = party.reserved === "host" || party.reserved === "remote-node";
  return isNode && !party.nodeLabels ? { ...party, nodeLabels: {} } : party;
}

/** With objects for all nodes, and for the API server. */
function closed(objects: readonly PolicyObject[], parties: readonly Party[]): PolicyObject[] {
  const nodes = parties.flatMap(({ nodeLabels, address = "" }, i): NodeObject[] =>
    nodeLabels
      ? [{ kind: "Node", namespace: "", name: `node-${i}`, source, labels: nodeLabels, addresses: [address] }]
      : [],
  );
  const addresses = parties.flatMap(({ reserved, address }) => (reserved === "kube-apiserver" ? (address ?? []) : []));
  const servers: PolicyObject = {
    kind: "EndpointSlice",
    namespace: "default",
    name: "kubernetes",
    source,
    service: "kubernetes",
    addresses,
  };
  return [...objects.filter(({ kind }) => kind !== "Node"), ...nodes, servers];
}

function changed(random: Random, object: PolicyObject): PolicyObject {
  switch (object.kind) {
    case "Pod":
    case "Node":
      return { ...object, labels: randomLabels(random) };
    case "Service":
      return { ...object, labels: randomLabels(random), selector: random.chance(0.5) ? randomLabels(random) : null };
    case "Namespace":
      return { ...object, labels: { ...randomLabels(random), [NAMESPACE_NAME_LABEL]: object.name } };
    default:
      return isPolicyKind(object) ? { ...object, controls: NO_CONTROLS } : object;
  }
}

/** Who somebody is by the objects. */
export function partyIn(objects: readonly PolicyObject[], party: Party): Party {
  const { address = "" } = party;
  for (const object of objects) {
    if (object.kind === "Pod" && party.subject && object.addresses.includes(address)) {
      return { ...party, subject: subjectOf(object) };
    }
    const isNode = ["host", "remote-node", "kube-apiserver"].includes(reservedOf(party));
    if (object.kind === "Node" && isNode && !party.subject && object.addresses.includes(address)) {
      return { ...party, nodeLabels: object.labels };
    }
  }
  return party;
}

/** Whether a flow is of the traffic of a change. */
export function covers(
  change: PolicyChange,
  flow: Flow,
  { after: objects, named }: Pick<RandomChange, "after" | "named">,
): boolean {
  return (
    isIn(change.source, flow.source, objects) &&
    isIn(change.destination, flow.destination, objects) &&
    change.traffic.some(({ protocol, first, last }) => {
      const isIt = protocol === (named.has(flow.protocol) ? flow.protocol : "other");
      return isIt && first <= flow.port && flow.port <= last;
    })
  );
}

function isIn({ members }: PartyGroup, party: Party, objects: readonly PolicyObject[]): boolean {
  return members.some((member) => isMember(member, party, objects));
}

function isMember(
  { kind, name, except = [], families, names }: GroupMember,
  party: Party,
  objects: readonly PolicyObject[],
): boolean {
  const { address = "" } = party;
  if (kind !== (party.subject ? "pod" : reservedOf(party))) return false;
  if (families && !families.includes(address.includes(":") ? 6 : 4)) return false;
  const known = (text: string): boolean =>
    isOutside(party) && (party.names ?? []).some((one) => matchesName(text, one));
  if (names && !(names.known.every((list) => list.some(known)) && !names.unknown.some(known))) return false;
  if (name.includes("/") && !party.subject)
    return inRange(address, name) && !except.some((hole) => inRange(address, hole));
  if (name === address) return true;
  return objects.some(
    (object) =>
      (object.kind === "Pod" || object.kind === "Node") &&
      (object.kind === "Pod" ? `${object.namespace}/${object.name}` : object.name) === name &&
      object.addresses.includes(address),
  );
}

function inRange(address: string, cidr: string): boolean {
  const [host, range] = [parseAddress(address), parseCidr(cidr)];
  return host !== null && range !== null && cidrContains(range, hostCidr(host));
}
