import type { FlowFilter, FlowQuery } from "#agent/api/flow-filter.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import { AddressFamily, DropReason, type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";
import type { RequestContent } from "#agent/proxy/request-record.ts";
import { dropReasonName } from "./drop-reason.ts";
import { type EndTest, endTests } from "./end-filter.ts";
import { labelSelector } from "./label-selector.ts";
import { flagBits, layer4Name } from "./layer4.ts";
import { matchesNode } from "./name-patterns.ts";
import { policyTest } from "./policy-filter.ts";
import { layer7Tests } from "./layer7-filter.ts";
import { directionOf, type FlowRecord, flowVerdict } from "./record.ts";
import { refusal } from "./refusal.ts";
import { subType } from "./trace.ts";

export type RecordTest = (record: FlowRecord) => boolean;

/** What a filter is asked with besides the record. */
export interface FilterContext {
  readonly nodeName: string;
  uuid(record: FlowRecord): string;
  /** The rules that a reference stands for. */
  rules(reference: number): readonly RuleDescription[];
  interfaceName(ifindex: number): string | undefined;
}

/** Most filters of a request, and most values in all of them: each is looked at for each flow. */
const mostFilters = 64;
const mostValues = 1024;

/** What flows of this version have not: no flow matches such a filter. */
const unknown = [
  "trace_id",
  "ip_trace_id",
  "source_ip_xlated",
  "source_cluster_name",
  "destination_cluster_name",
] as const satisfies (keyof FlowFilter)[];

const protocols: ReadonlyMap<string, readonly string[]> = new Map([
  ["tcp", ["TCP"]],
  ["udp", ["UDP"]],
  ["sctp", ["SCTP"]],
  ["icmp", ["ICMPv4", "ICMPv6"]],
  ["icmpv4", ["ICMPv4"]],
  ["icmpv6", ["ICMPv6"]],
  // Nothing has these yet.
  ["vrrp", []],
  ["igmp", []],
]);

/** What the proxy reads: Hubble's, and TLS. */
const families: ReadonlySet<string> = new Set<RequestContent["family"]>(["http", "dns", "kafka", "tls"]);

/**
 * The test that two lists stand for: one of the whitelist, or none there, and none of the blacklist.
 *
 * @throws ApiError `bad-request` for what cannot be understood, or is too much.
 */
export function listFilter(
  whitelist: readonly FlowFilter[],
  blacklist: readonly FlowFilter[],
  context: FilterContext,
): RecordTest {
  const filters = [...whitelist, ...blacklist];
  if (filters.length > mostFilters) throw refusal("lists", `more than ${mostFilters} filters are too many`);
  const values = filters
    .flatMap((filter) => Object.values(filter) as unknown[])
    .map((list) => (Array.isArray(list) ? list.length : 1));
  if (values.reduce((sum, count) => sum + count, 0) > mostValues) {
    throw refusal("lists", `more than ${mostValues} values are too many`);
  }
  const wanted = whitelist.map((filter) => compile(filter, context));
  const unwanted = blacklist.map((filter) => compile(filter, context));
  const tests: RecordTest[] = [];
  if (wanted.length > 0) tests.push((record) => wanted.some((test) => test(record)));
  if (unwanted.length > 0) tests.push((record) => !unwanted.some((test) => test(record)));
  return all(tests);
}

/**
 * The test that a query stands for, without its times.
 *
 * @throws ApiError `bad-request` for what cannot be understood, or is too much.
 */
export function flowFilter(query: FlowQuery, context: FilterContext): RecordTest {
  const { verdict, pod, namespace, ip, port, protocol, direction, staged, whitelist, blacklist } = query;
  const simple: FlowFilter = {
    verdict,
    pod,
    namespace,
    ip,
    port: port.map(String),
    protocol,
    traffic_direction: direction,
    staged: staged ? [true] : [],
  };
  return all([compile(simple, context), listFilter(whitelist, blacklist, context)]);
}

/** The test that one filter stands for: all of its fields must match, of each one value. */
function compile(filter: FlowFilter, context: FilterContext): RecordTest {
  const tests: RecordTest[] = [];
  const add = <T>(wanted: readonly T[] | undefined, test: (wanted: readonly T[]) => RecordTest): void => {
    // A list that is empty asks for nothing.
    if (wanted !== undefined && wanted.length > 0) tests.push(test(wanted));
  };
  const oneOf = (wanted: readonly unknown[] | undefined, valueOf: (record: FlowRecord) => unknown): void => {
    add(wanted, (values) => {
      const set = new Set(values);
      return (record) => set.has(valueOf(record));
    });
  };
  for (const field of unknown) add<unknown>(filter[field], () => () => false);
  oneOf(filter.verdict, flowVerdict);
  oneOf(filter.traffic_direction, ({ event }) => (directionOf(event) === "egress" ? "EGRESS" : "INGRESS"));
  oneOf(filter.ip_version, ({ event }) => versionOf(event));
  oneOf(filter.reply, ({ event }) => event.isReply !== 0);
  oneOf(filter.staged, ({ staged }) => staged.length > 0);
  // Nothing is encrypted yet.
  oneOf(filter.encrypted, () => false);
  oneOf(filter.uuid, (record) => context.uuid(record));
  add(filter.drop_reason_desc, dropReasonTest);
  add(filter.event_type, eventTypeTest);
  add(filter.protocol, protocolTest);
  add(filter.tcp_flags, flagsTest);
  add(filter.policy, (wanted) => policyTest(wanted, (reference) => context.rules(reference)));
  add(filter.interface, (wanted) => {
    return ({ event: { ifindex } }) =>
      ifindex !== 0 &&
      wanted.some(
        ({ index = 0, name = "" }) =>
          (index === 0 || index === ifindex) && (name === "" || name === context.interfaceName(ifindex)),
      );
  });
  add(filter.node_name, (wanted) => always(wanted.map((text) => matchesNode(text, context.nodeName)).includes(true)));
  // Flows have no labels of nodes.
  add(filter.node_labels, (wanted) =>
    always(wanted.map((text) => labelSelector("node_labels", text)([])).includes(true)),
  );
  for (const { test, ends } of endTests(filter)) tests.push(atEnds(test, ends));
  tests.push(...layer7Tests(filter));
  return all(tests);
}

/** All of some tests, as one that costs least. */
function all(tests: readonly RecordTest[]): RecordTest {
  const [first, second] = tests;
  if (first === undefined) return always(true);
  if (second === undefined) return first;
  if (tests.length === 2) return (record) => first(record) && second(record);
  return (record) => {
    for (const test of tests) if (!test(record)) return false;
    return true;
  };
}

function atEnds(test: EndTest, ends: "either" | "source" | "destination"): RecordTest {
  if (ends === "either") return (record) => test(record, "source") || test(record, "destination");
  return (record) => test(record, ends);
}

function always(answer: boolean): RecordTest {
  return () => answer;
}

function versionOf({ family }: EventRecord): string {
  if (family === AddressFamily.NONE) return "IP_NOT_USED";
  return family === AddressFamily.IPV6 ? "IPv6" : "IPv4";
}

/** By name, or by a number that has none. */
function dropReasonTest(wanted: readonly (string | number)[]): RecordTest {
  const reasons = Array.from({ length: 256 }, (_, reason) => reason);
  const known = new Set(reasons.map(dropReasonName));
  const stranger = wanted.find((name) => typeof name === "string" && !known.has(name));
  if (stranger !== undefined) throw refusal("drop_reason_desc", `${stranger} is no reason of a drop`);
  const set = new Set(wanted);
  const isWanted = reasons.map((reason) => set.has(dropReasonName(reason)) || set.has(reason));
  return ({ event }) => isWanted[event.reason] === true;
}

/**
 * By type, and by sub type where that is asked for. Where Cilium tells two things, a verdict and the packet's drop or
 * way, a verdict of ours is both: a drop for its reason, or a trace, which has no sub type that could be asked for.
 */
function eventTypeTest(wanted: NonNullable<FlowFilter["event_type"]>): RecordTest {
  const matches = (eventType: number, its: number): boolean =>
    wanted.some(
      ({ type = 0, match_sub_type: isExact = false, sub_type: sub = 0 }) =>
        (type === 0 || type === eventType) && (!isExact || sub === its),
    );
  return ({ event }) => {
    const { type, reason } = event;
    if (type !== EventType.VERDICT) return matches(type, subType(event));
    return (
      matches(type, 0) || (reason === DropReason.NONE ? matches(EventType.TRACE, NaN) : matches(EventType.DROP, reason))
    );
  };
}

function protocolTest(wanted: readonly string[]): RecordTest {
  const words = wanted.map((text) => text.toLowerCase());
  const names = words.flatMap((word, i) => {
    const found = families.has(word) ? [] : protocols.get(word);
    if (found === undefined) throw refusal("protocol", `${wanted[i]} is no protocol`);
    return found;
  });
  const set = new Set<string | undefined>(names);
  const ofRequests = new Set<string>(words);
  return ({ event, request }) =>
    set.has(layer4Name(event)) || (request !== null && ofRequests.has(request.content.family));
}

/** All the flags of one set. */
function flagsTest(wanted: NonNullable<FlowFilter["tcp_flags"]>): RecordTest {
  const masks = wanted.map((flags) => flagBits(Object.keys(flags).filter((name) => flags[name])));
  return ({ event }) => layer4Name(event) === "TCP" && masks.some((mask) => (event.tcpFlags & mask) === mask);
}
