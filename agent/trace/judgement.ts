import type { RuleDescription } from "#agent/api/policy-views.ts";
import type { TraceStage } from "#agent/api/trace-views.ts";
import type { IpcacheFound, Lookups, PolicyFound, PolicyQuestion } from "#agent/datapath/kernel-lookups.ts";
import {
  ConnectionEnd,
  Direction,
  EndpointFlag,
  type EndpointEntry,
  type EventRecord,
  ReservedIdentity,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { isIcmp, type Tuple } from "#agent/datapath/tuple.ts";
import type { FlowContext } from "#agent/flows/context.ts";
import { judgeEntries } from "#agent/verify/read-slot.ts";
import { endpointView, ipcacheView, limitView, policyView, verdictName } from "./entries.ts";

/** One end of a connection, as the maps have it. */
interface End {
  readonly address: string;
  readonly endpoint: EndpointEntry | undefined;
  readonly ipcache: IpcacheFound;
  readonly identity: number;
}

/** What one end's policy is expected to say. */
interface Expected {
  readonly verdict: number;
  readonly references: readonly number[];
}

/** The look-ups of `judge` in `bpf/lib/judge.h`, made by hand: with the entries that each found, and what should come of them. */
export interface Judgement {
  readonly stages: readonly TraceStage[];
  /** Rule references of limits that the connection would count for. */
  readonly limits: readonly number[];
  /** Numbers of endpoints of this node. */
  readonly endpoints: readonly number[];
  /** What the program says otherwise, in sentences. */
  /** @param isOpen the connection passes without the proxy, although rules ask for it. */
  compare(event: EventRecord, isOpen: boolean): string[];
}

/** Look-ups that ask for an address once: to find its prefix takes a copy of the whole map. */
export function remembering(lookups: Lookups): Lookups {
  const known = new Map<string, IpcacheFound>();
  return {
    ...lookups,
    ipcache: (address) => {
      const found = known.get(address) ?? lookups.ipcache(address);
      known.set(address, found);
      return found;
    },
  };
}

const noExpectation: Expected = { verdict: Verdict.NONE, references: [] };
const passes: Expected = { verdict: Verdict.ALLOW, references: [] };

/** @param icmpType of an echo, what policy is asked in place of a port. */
export function judge(lookups: Lookups, flows: FlowContext, tuple: Tuple, icmpType: number, now: bigint): Judgement {
  const parity = Number(lookups.generation() & 1n) as 0 | 1;
  const end = (address: string): End => {
    const endpoint = lookups.endpoint(address);
    const ipcache = lookups.ipcache(address);
    return { address, endpoint, ipcache, identity: endpoint ? endpoint.identity[parity] : ipcache.identity };
  };
  const source = end(tuple.source);
  const destination = end(tuple.destination);
  const limits: number[] = [];
  const stages: TraceStage[] = [
    endStage("source", source, flows, parity),
    endStage("destination", destination, flows, parity),
  ];

  const ask = (self: End, peer: End, direction: Direction): Expected => {
    const stage = direction === Direction.EGRESS ? "egress-policy" : "ingress-policy";
    if (!self.endpoint) {
      stages.push({ stage, says: `${self.address} is not on this node: nothing is asked here`, entries: [] });
      return noExpectation;
    }
    const isNodeToItself = self.identity === ReservedIdentity.HOST && peer.identity === ReservedIdentity.HOST;
    if (direction === Direction.EGRESS ? isNodeToItself : peer.identity === ReservedIdentity.HOST) {
      stages.push({
        stage,
        says: "allow: the node reaches its own pods, and itself, whatever policy says",
        entries: [],
      });
      return passes;
    }
    const question: PolicyQuestion = {
      slot: self.endpoint.policy[parity],
      direction,
      identity: peer.identity,
      addressClass: peer.ipcache.addressClass,
      protocol: tuple.protocol,
      port: isIcmp(tuple.protocol) ? icmpType : tuple.destinationPort,
    };
    const found = lookups.policy(question);
    if (!found) {
      stages.push({ stage, says: `slot ${question.slot} has no map: the endpoint is not ready`, entries: [] });
      return noExpectation;
    }
    const expected = judgeEntries(
      found.map((one) => one?.entry),
      now,
    );
    limits.push(...limitsOf(found, expected));
    stages.push({
      stage,
      says: policySays(question.slot, expected),
      entries: found.map((one, lookup) => policyView(question, lookup, one)),
      rules: rulesOf(flows, expected.references),
    });
    return expected;
  };
  const expected = [ask(source, destination, Direction.EGRESS), ask(destination, source, Direction.INGRESS)] as const;
  for (const rule of limits) {
    const limit = lookups.limit(rule);
    const says = `counts for the limit of a rule: ${limit?.open ?? 0} connections are open`;
    stages.push({ stage: "limit", says, entries: [limitView(rule, limit)], rules: rulesOf(flows, [rule]) });
  }
  return {
    stages,
    limits,
    endpoints: [source, destination].flatMap(({ endpoint }) => (endpoint ? [endpoint.id] : [])),
    compare: (event, isOpen) => {
      const [egress, ingress] = isOpen ? ([withoutProxy(expected[0]), withoutProxy(expected[1])] as const) : expected;
      return [
        ...compareEnd("source", source, egress, event, ConnectionEnd.END_SOURCE),
        ...compareEnd("destination", destination, ingress, event, ConnectionEnd.END_DESTINATION),
      ];
    },
  };
}

function withoutProxy(expected: Expected): Expected {
  return expected.verdict === Verdict.REDIRECT ? { ...expected, verdict: Verdict.ALLOW } : expected;
}

function policySays(slot: number, { verdict, references }: Expected): string {
  if (references.length > 0) return `${verdictName(verdict)} by slot ${slot}`;
  return verdict === Verdict.DENY
    ? `deny: no entry of slot ${slot} allows it`
    : `${verdictName(verdict)} by slot ${slot}: no policy applies`;
}

/** Of the entries that give the verdict. */
function limitsOf(found: readonly (PolicyFound | null)[], { references }: Expected): number[] {
  const decisions = found.flatMap((one) => (one ? [one.entry.upper, one.entry.below] : []));
  const limits = decisions.filter(({ rule, limit }) => limit !== 0 && references.includes(rule));
  return [...new Set(limits.map(({ limit }) => limit))];
}

export function rulesOf(flows: FlowContext, references: readonly number[]): RuleDescription[] {
  const rules = [...new Set(references)].flatMap((reference) => flows.rules(reference));
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

function endStage(stage: "source" | "destination", end: End, flows: FlowContext, parity: 0 | 1): TraceStage {
  const { address, endpoint, ipcache, identity } = end;
  const { labels, namespace, pod } = flows.party({ endpoint: endpoint?.id ?? 0, identity, address });
  const isNode = endpoint !== undefined && (endpoint.flags & EndpointFlag.HOST) !== 0;
  const who =
    pod !== null ? `pod ${namespace}/${pod}` : isNode ? "the node, which policies select" : "no pod of this node";
  const addressClass = ipcache.addressClass === 0 ? "" : `, address class ${ipcache.addressClass}`;
  return {
    stage,
    says: `${address} is ${who}, identity ${identity} (${labels.join(",")})${addressClass}`,
    entries: [endpointView(address, endpoint, parity), ipcacheView(address, ipcache)],
  };
}

function compareEnd(
  what: "source" | "destination",
  end: End,
  expected: Expected,
  event: EventRecord,
  number: 0 | 1,
): string[] {
  const told = event.end[number];
  const differences: string[] = [];
  const check = (name: string, byMaps: number | string, byProgram: number | string): void => {
    if (byMaps === byProgram) return;
    differences.push(`${name} of the ${what} ${end.address}: ${byMaps} by the maps, ${byProgram} by the program`);
  };
  check("endpoint", end.endpoint?.id ?? 0, told.endpoint);
  check("identity", end.identity, told.identity);
  check("address class", end.ipcache.addressClass, told.addressClass);
  check("verdict", verdictName(expected.verdict), verdictName(told.verdict));
  const sorted = (rules: readonly number[]): string =>
    rules
      .filter((rule) => rule !== 0)
      .sort((a, b) => a - b)
      .join();
  check("rules", sorted([...new Set(expected.references)]), sorted([...new Set(told.rules)]));
  return differences;
}
