import type { FlowLine, StagedOutcome } from "#agent/api/flow.ts";
import { Written } from "#agent/api/json-text.ts";
import type { Isolation, RuleDescription } from "#agent/api/policy-views.ts";
import { flowQuery, type FlowQuery } from "#agent/api/flow-filter.ts";
import {
  AddressFamily,
  DropReason,
  EventHook,
  type EventEnd,
  type EventRecord,
  eventRecord,
  EventType,
  PolicyMatch,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import type {
  Denial,
  FlowContext,
  FlowParty,
  IsolatedEnd,
  PartyQuery,
  RequestDenial,
  RequestRefusal,
} from "#agent/flows/context.ts";
import type { FilterContext } from "#agent/flows/filter.ts";
import type { FlowRing } from "#agent/flows/ring.ts";

export const webRule: RuleDescription = {
  kind: "NetworkPolicy",
  namespace: "shop",
  name: "web",
  rule: "egress[0]",
  file: "web.yaml",
  line: 14,
};
export const dbRule: RuleDescription = { ...webRule, name: "db", rule: "ingress[0]", file: "db.yaml", line: 9 };

export const web: FlowParty = {
  endpoint: 12,
  identity: 20481,
  labels: ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"],
  namespace: "shop",
  pod: "web-1",
};
export const db: FlowParty = { ...web, endpoint: 13, identity: 20482, labels: ["k8s:app=db"], pod: "db-0" };
export const world: FlowParty = { endpoint: 0, identity: 2, labels: ["reserved:world"], namespace: null, pod: null };

/** An agent that knows two pods, and rules 5 (web) and 6 (db). */
export class FakeContext implements FlowContext {
  readonly nodeName = "n1";
  readonly denials: Denial[] = [];

  wallNanoseconds(boot: bigint): bigint {
    return BigInt(Date.parse("2026-01-31T12:00:00Z")) * 1_000_000n + boot;
  }
  party({ endpoint }: PartyQuery): FlowParty {
    return [web, db].find((party) => party.endpoint === endpoint) ?? world;
  }
  endpointOnInterface(ifindex: number): number {
    return ifindex === 33 ? web.endpoint : 0;
  }
  interfaceName(ifindex: number): string | undefined {
    return ifindex === 33 ? "weir33" : undefined;
  }
  rules(reference: number): readonly RuleDescription[] {
    return reference === 5 ? [webRule] : reference === 6 ? [dbRule] : [];
  }
  isolation({ party }: IsolatedEnd): Isolation {
    const { rule: _rule, ...policy } = party === db ? dbRule : webRule;
    return { isolatedBy: [policy] };
  }
  requestRefusal({ content }: RequestDenial): RequestRefusal {
    return { asked: [dbRule], nearest: { ...dbRule, because: `${content.family} is not what it asks for` } };
  }
  nearest(denial: Denial): (RuleDescription & { because: string }) | null {
    this.denials.push(denial);
    return { ...dbRule, because: `port ${denial.port} is not 5433` };
  }
}

export const noEnd: EventEnd = {
  identity: 0,
  addressClass: 0,
  endpoint: 0,
  rules: [0, 0, 0],
  verdict: Verdict.NONE,
  match: PolicyMatch.NONE,
};
export const webEnd: EventEnd = {
  ...noEnd,
  identity: 20481,
  endpoint: 12,
  rules: [5, 0, 0],
  verdict: Verdict.ALLOW,
  match: PolicyMatch.L3_L4,
};
export const dbEnd: EventEnd = { ...webEnd, identity: 20482, endpoint: 13, rules: [6, 0, 0] };
export const denyingEnd: EventEnd = { ...dbEnd, rules: [0, 0, 0], verdict: Verdict.DENY, match: PolicyMatch.NONE };

/** A packet of shop/web-1 to shop/db-0, port 5432, that both policies allow. */
export function event(changes: Partial<EventRecord> = {}): EventRecord {
  return {
    time: 1n,
    generation: 41n,
    source: { bytes: encodeAddress("10.0.0.7").bytes },
    destination: { bytes: encodeAddress("10.0.0.8").bytes },
    sourcePort: 40_000,
    destinationPort: 5432,
    type: EventType.VERDICT,
    reason: DropReason.NONE,
    hook: EventHook.POD_EGRESS,
    family: AddressFamily.IPV4,
    protocol: 6,
    tcpFlags: 2,
    isReply: 0,
    file: 0,
    line: 0,
    icmpType: 0,
    icmpCode: 0,
    ifindex: 33,
    length: 74,
    end: [webEnd, dbEnd],
    packets: [0n, 0n],
    bytes: [0n, 0n],
    connection: 0,
    ...changes,
  };
}

/** The same packet, for which db's policy has no rule. */
export function denial(changes: Partial<EventRecord> = {}): EventRecord {
  return event({ reason: DropReason.POLICY_DENIED, file: 5, line: 99, end: [webEnd, denyingEnd], ...changes });
}

/** What filters need of an agent, whose flows have no names of their own. */
export const filtering: FilterContext = {
  nodeName: "n1",
  uuid: ({ sequence }) => String(sequence),
  rules: (reference) => new FakeContext().rules(reference),
  interfaceName: (ifindex) => new FakeContext().interfaceName(ifindex),
};

/** Gives a ring an event as the kernel does, as a batch of its own. */
export function addEvent(
  ring: FlowRing,
  added: EventRecord,
  staged: readonly StagedOutcome[] = [],
  audit = false,
): void {
  const view = new DataView(new ArrayBuffer(eventRecord.size));
  eventRecord.encode(added, view, 0);
  ring.add(view, 0, staged, audit);
  ring.settle(ring.lost);
}

/** A line of the stream as its reader has it. */
export function lineOf(line: FlowLine | Written): FlowLine {
  return line instanceof Written ? (JSON.parse(line.text) as FlowLine) : line;
}

/** A query as the API parses it. */
export function query(text: Readonly<Record<string, string | string[]>> = {}): FlowQuery {
  return flowQuery.parse(text);
}
