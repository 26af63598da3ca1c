import { addressesOf } from "#agent/datapath/kernel-endpoints.ts";
import type { EndpointEntry } from "#agent/datapath/layouts.gen.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { formatNamedPorts, type Governed, isNodeSubject, type NamedPort } from "#policy/model/identity.ts";
import { isPolicyKind, type PolicyKindObject, type PolicyObject } from "#policy/model/object.ts";
import { type FlowProtocol, protocolNumbers } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import { judge, type OracleVerdict } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";
import type { ComparisonContext } from "./compare-maps.ts";
import { Contradictions } from "./contradictions.ts";
import { FiledObjects } from "./governing.ts";
import { OracleKeys } from "./oracle-keys.ts";
import { KnownExceptions } from "./known-exceptions.ts";
import { partyName } from "./names.ts";
import { PeerPolicies } from "./peer-policies.ts";
import { type Peer, peersOf, readEndpoints } from "./peers.ts";
import { type Judgement, ReadSlot } from "./read-slot.ts";
import { type Spoken, spokenOf } from "./spoken.ts";
import { type Segment, segmentName, segmentsOf } from "./traffic.ts";

/** Endpoints that are judged by one slot and selected by the same policies. */
interface Self {
  readonly slot: ReadSlot;
  readonly subject: Governed;
  readonly policies: readonly PolicyKindObject[];
  readonly endpoints: Set<number>;
}

/** The oracle's verdict on a segment, by its place in the list. */
type OracleAnswers = (i: number, flow: Flow) => OracleVerdict;

/** All traffic of one peer in one direction. */
interface PeerQuestion {
  readonly self: Self;
  readonly direction: Direction;
  readonly peer: Peer;
  readonly segments: readonly Segment[];
  readonly exceptions: KnownExceptions;
  readonly answers: OracleAnswers;
}

const protocolNames = new Map<number, FlowProtocol>(
  Object.entries(protocolNumbers).map(([name, number]) => [number, name as FlowProtocol]),
);

/**
 * Judges every class of traffic of every endpoint twice: by the entries that were read back, as the
 * datapath does it, and by the oracle, which reads the objects and nothing else.
 */
export class VerdictProof {
  readonly #context: ComparisonContext;
  readonly #filed: FiledObjects;
  readonly #options: OracleOptions;
  /** By references, joined. */
  readonly #ruleNames = new Map<string, readonly string[]>();

  constructor(context: ComparisonContext) {
    const { objects, snapshot } = context.readOut;
    this.#context = context;
    this.#filed = new FiledObjects(objects);
    this.#options = snapshot.engine.options;
  }

  async run(): Promise<void> {
    const { readOut, pace } = this.#context;
    const policies = readOut.objects.filter(isPolicyKind);
    const { prefixes } = spokenOf([...policies, ...this.#referencesOf(policies)]);
    const peers = await peersOf(readOut, prefixes, pace);
    for (const self of await this.#selves()) {
      await this.#prove(self, peers);
    }
  }

  /** An endpoint whose records name no slot that is there has been told of already. */
  async #selves(): Promise<Iterable<Self>> {
    const { readOut, endpoint: wanted, pace } = this.#context;
    const records = readEndpoints(readOut.endpoints);
    const parity = Number(readOut.generation & 1n);
    const slots = new Map<number, ReadSlot>();
    const { at } = readOut.snapshot.engine.options;
    const now = at === undefined ? 0n : readOut.snapshot.boot(at);
    const selves = new Map<string, Self>();
    for (const { endpoint } of readOut.snapshot.endpoints) {
      if (pace.isDue) await pace.rest();
      if (wanted !== null && endpoint.id !== wanted) continue;
      const { key, policies } = this.#filed.governing(endpoint.subject);
      for (const address of addressesOf(endpoint)) {
        const record: EndpointEntry | undefined = records.get(address);
        const number = record?.policy[parity] ?? 0;
        const image = readOut.slots.get(number);
        if (!image) continue;
        const slot = slots.get(number) ?? new ReadSlot(image, now);
        slots.set(number, slot);
        const text = `${number} ${formatNamedPorts(namedPortsOf(endpoint.subject))} ${key}`;
        const known = selves.get(text);
        if (known) known.endpoints.add(endpoint.id);
        else selves.set(text, { slot, subject: endpoint.subject, policies, endpoints: new Set([endpoint.id]) });
      }
    }
    return selves.values();
  }

  async #prove(self: Self, peers: readonly Peer[]): Promise<void> {
    const { pace } = this.#context;
    const references = this.#referencesOf(self.policies);
    const spoken = spokenOf([...self.policies, ...references]);
    const oracleKeys = new OracleKeys(spoken);
    const keys = peers.map((peer) => oracleKeys.of(peer));
    const peerPolicies = new PeerPolicies(self.policies, this.#options);
    for (const direction of ["ingress", "egress"] as const) {
      const segments = segmentsOf(portStarts(self, direction, spoken, peers, this.#options));
      const exceptions = new KnownExceptions(direction === "egress" ? self.policies : [], references, this.#options);
      const proven = new Set<string>();
      const answers = new Map<string, OracleAnswers>();
      for (const [i, peer] of peers.entries()) {
        if (pace.isDue) await pace.rest();
        const key = keys[i] as string;
        const [ofIdentity, ofClass] = [peer.identity, peer.addressClass].map((n) => self.slot.signature(direction, n));
        const combination = `${ofIdentity}|${ofClass}|${isFree(self, direction, peer)}|${key}`;
        if (proven.has(combination)) continue;
        proven.add(combination);
        let known = answers.get(key);
        if (!known) answers.set(key, (known = this.#answers(self, direction, peer, references, peerPolicies)));
        await this.#compare({ self, direction, peer, segments, exceptions, answers: known });
      }
    }
  }

  /** Asks the oracle once for each segment, however often. */
  #answers(
    { subject, policies }: Self,
    direction: Direction,
    { party }: Peer,
    references: readonly PolicyObject[],
    peerPolicies: PeerPolicies,
  ): OracleAnswers {
    const isNode = isNodeSubject(subject);
    const namespaces = this.#filed.namespaces(isNode ? "" : subject.namespace, party.subject?.namespace ?? "");
    const context = [...references, ...namespaces];
    const any = flowOf(subject, direction, party, { protocol: "TCP", first: 0, last: 0 });
    // A node's failsafe counts also where no policy says anything of the peer.
    const speaking = isNode ? policies : peerPolicies.of(direction, any, context);
    const objects = [...speaking, ...context];
    const told: OracleVerdict[] = [];
    return (i, flow) => (told[i] ??= judge(objects, flow, this.#options)[direction]);
  }

  async #compare({ self, direction, peer, segments, exceptions, answers }: PeerQuestion): Promise<void> {
    const { findings, pace } = this.#context;
    const isUnasked = isFree(self, direction, peer);
    const contradictions = new Contradictions();
    for (const [i, segment] of segments.entries()) {
      if (pace.isDue) await pace.rest();
      const flow = flowOf(self.subject, direction, peer.party, segment);
      if (exceptions.has(flow)) {
        findings.excluded++;
        continue;
      }
      findings.classes++;
      const expected = answers(i, flow);
      const protocol = protocolNumbers[segment.protocol];
      const found = isUnasked ? FREE : self.slot.judge(direction, peer, protocol, segment.first);
      const rules = this.#rulesOf(found);
      if (found.verdict === expected.verdict && equal(rules, expected.rules)) continue;
      contradictions.add(segment, expected, { verdict: found.verdict, rules });
    }
    this.#tell(self, direction, peer, contradictions);
  }

  #tell({ endpoints }: Self, direction: Direction, { party }: Peer, contradictions: Contradictions): void {
    const way = direction === "egress" ? "to" : "from";
    for (const { segment, expected, found, rules } of contradictions.list) {
      const what = `verdict on ${direction} ${way} ${partyName(party)}, ${segmentName(segment)}`;
      this.#context.findings.add(() => ({ map: "policy", endpoints: [...endpoints], what, expected, found, rules }));
    }
  }

  #rulesOf({ references }: Judgement): readonly string[] {
    const key = references.join();
    let rules = this.#ruleNames.get(key);
    if (!rules) {
      rules = [...new Set(references.flatMap((reference) => this.#context.names.rules(reference)))].sort();
      this.#ruleNames.set(key, rules);
    }
    return rules;
  }

  /** Objects that policies speak of by name or label. */
  #referencesOf(policies: readonly PolicyKindObject[]): readonly PolicyObject[] {
    return policies.some(speaksOfObjects) ? this.#filed.references : [];
  }
}

const FREE: Judgement = { verdict: "allow", references: [] };

/** The datapath asks no pod's policy whether the node may reach it, and nobody's whether it may reach itself. */
function isFree({ subject }: Self, direction: Direction, { identity }: Peer): boolean {
  return identity === ReservedIdentity.HOST && (direction === "ingress" || isNodeSubject(subject));
}

function namedPortsOf(subject: Governed): readonly NamedPort[] {
  return isNodeSubject(subject) ? [] : subject.namedPorts;
}

function speaksOfObjects(policy: PolicyKindObject): boolean {
  if (!("specs" in policy)) return false;
  const rules = policy.specs.flatMap(({ ingress, ingressDeny, egress, egressDeny }) => [
    ...ingress,
    ...ingressDeny,
    ...egress,
    ...egressDeny,
  ]);
  return rules.some(({ services, cidrs }) => services !== null || cidrs?.some(({ kind }) => kind !== "cidr"));
}

/** The subject itself has no address here: what it says to itself is nobody's policy. */
function flowOf(subject: Governed, direction: Direction, party: Party, { protocol, first }: Segment): Flow {
  const self: Party = isNodeSubject(subject) ? { reserved: "host", nodeLabels: subject.nodeLabels } : { subject };
  const [source, destination] = direction === "egress" ? [self, party] : [party, self];
  return { source, destination, protocol, port: first };
}

function* portStarts(
  { slot, subject }: Self,
  direction: Direction,
  spoken: Spoken,
  peers: readonly Peer[],
  { hostFailsafe }: OracleOptions,
): Generator<readonly [FlowProtocol, number]> {
  if (isNodeSubject(subject) && hostFailsafe) {
    const spared = hostFailsafe[direction === "ingress" ? "inbound" : "outbound"];
    for (const { protocol, first, last } of spared) yield* [[protocol, first] as const, [protocol, last + 1] as const];
  }
  for (const [protocol, ports] of spoken.ports) for (const port of ports) yield [protocol, port];
  for (const [number, port] of slot.portStarts(direction)) {
    const protocol = protocolNames.get(number);
    if (protocol) yield [protocol, port];
  }
  if (!spoken.hasPortNames) return;
  const subjects = new Set([subject, ...peers.flatMap(({ party }) => party.subject ?? [])]);
  for (const one of subjects) {
    for (const { protocol, port } of namedPortsOf(one)) {
      yield [protocol, port];
      yield [protocol, port + 1];
    }
  }
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
