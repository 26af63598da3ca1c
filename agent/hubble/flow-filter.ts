import { AddressFamily, DropReason, type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";
import { addressText } from "#agent/flows/address-text.ts";
import type { FlowParty } from "#agent/flows/context.ts";
import { dropReasonName } from "#agent/flows/drop-reason.ts";
import { layer4Name, tcpFlags } from "#agent/flows/layer4.ts";
import { directionOf, type FlowRecord, flowVerdict } from "#agent/flows/record.ts";
import { type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { labelSelector, parseLabel } from "./label-selector.ts";
import type { FlowFilter, TextField } from "./messages.ts";
import { domainPattern, matchesNode, namePrefix } from "./name-patterns.ts";
import { refusal } from "./refusal.ts";

export type RecordTest = (record: FlowRecord) => boolean;

/** What a filter is asked with besides the record. */
export interface FilterContext {
  readonly nodeName: string;
  uuid(record: FlowRecord): string;
}

/** Most filters of a request, and most values in all of them: each is looked at for each flow. */
const mostFilters = 64;
const mostValues = 1024;

/** What flows of this version have not: no flow matches such a filter. */
const unknown = [
  "http_status_code",
  "http_method",
  "http_path",
  "http_url",
  "http_header",
  "dns_query",
  "trace_id",
  "ip_trace_id",
  "source_ip_xlated",
  "source_cluster_name",
  "destination_cluster_name",
  "source_workload",
  "destination_workload",
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
  ["dns", []],
  ["http", []],
  ["kafka", []],
]);

/**
 * The test that the lists of a request stand for: one of the whitelist, or none there, and none of the blacklist.
 *
 * @throws ApiError `bad-request` for what cannot be understood, or is too much.
 */
export function requestFilter(
  whitelist: readonly FlowFilter[],
  blacklist: readonly FlowFilter[],
  context: FilterContext,
): RecordTest {
  const filters = [...whitelist, ...blacklist];
  if (filters.length > mostFilters) throw refusal("lists", `more than ${mostFilters} filters are too many`);
  const values = filters
    .flatMap((filter) => Object.values(filter))
    .map((list) => (Array.isArray(list) ? list.length : 1));
  if (values.reduce((sum, count) => sum + count, 0) > mostValues) {
    throw refusal("lists", `more than ${mostValues} values are too many`);
  }
  const wanted = whitelist.map((filter) => flowFilter(filter, context));
  const unwanted = blacklist.map((filter) => flowFilter(filter, context));
  return (record) =>
    (wanted.length === 0 || wanted.some((test) => test(record))) && !unwanted.some((test) => test(record));
}

/** The test that one filter stands for: all of its fields must match, of each one value. */
function flowFilter(filter: FlowFilter, context: FilterContext): RecordTest {
  if (filter.experimental?.cel_expression?.length) throw refusal("cel_expression", "expressions are not understood");
  const tests = new Tests(filter);
  for (const field of unknown) tests.add(filter[field], () => () => false);
  tests.oneOf("verdict", flowVerdict);
  tests.oneOf("traffic_direction", ({ event }) => (directionOf(event) === "egress" ? "EGRESS" : "INGRESS"));
  tests.oneOf("ip_version", ({ event }) => versionOf(event));
  tests.oneOf("reply", ({ event }) => event.isReply !== 0);
  // Nothing is encrypted yet.
  tests.oneOf("encrypted", () => false);
  tests.oneOf("uuid", (record) => context.uuid(record));
  tests.oneOf("source_identity", ({ source }) => source.identity);
  tests.oneOf("destination_identity", ({ destination }) => destination.identity);
  tests.add(filter.drop_reason_desc, (wanted) => {
    const set = new Set(wanted);
    // A number that has no name stays one.
    return ({ event }) => set.has(dropReasonName(event.reason)) || set.has(event.reason);
  });
  tests.add(filter.event_type, (wanted) => ({ event }) => {
    const kinds = kindsOf(event);
    return wanted.some(({ type = 0, match_sub_type: isExact = false, sub_type: subType = 0 }) =>
      kinds.some((kind) => (type === 0 || type === kind.type) && (!isExact || subType === kind.subType)),
    );
  });
  tests.add(filter.protocol, (wanted) => protocolTest(wanted));
  tests.add(filter.tcp_flags, (wanted) => ({ event }) => {
    if (layer4Name(event) !== "TCP") return false;
    const flags: Readonly<Record<string, boolean>> = tcpFlags(event.tcpFlags);
    return wanted.some((names) => Object.entries(names).every(([name, isWanted]) => !isWanted || flags[name]));
  });
  tests.add(
    filter.interface,
    (wanted) =>
      ({ event }) =>
        // Flows have the interface's number, not its name.
        event.ifindex !== 0 &&
        wanted.some(({ index = 0, name = "" }) => name === "" && (index === 0 || index === event.ifindex)),
  );
  tests.add(filter.node_name, (wanted) =>
    always(wanted.map((text) => matchesNode(text, context.nodeName)).includes(true)),
  );
  // Flows have no labels of nodes.
  tests.add(filter.node_labels, (wanted) =>
    always(wanted.map((text) => labelSelector("node_labels", text)([])).includes(true)),
  );
  for (const end of ["source", "destination"] as const) tests.ofEnd(end);
  return tests.all();
}

/** The tests of one filter. */
class Tests {
  readonly #filter: FlowFilter;
  readonly #tests: RecordTest[] = [];

  constructor(filter: FlowFilter) {
    this.#filter = filter;
  }

  /** A list that is empty asks for nothing. */
  add<T>(wanted: readonly T[] | undefined, test: (wanted: readonly T[]) => RecordTest): void {
    if (wanted !== undefined && wanted.length > 0) this.#tests.push(test(wanted));
  }

  oneOf(field: keyof FlowFilter, valueOf: (record: FlowRecord) => unknown): void {
    this.add(this.#filter[field] as readonly unknown[] | undefined, (wanted) => {
      const set = new Set(wanted);
      return (record) => set.has(valueOf(record));
    });
  }

  ofEnd(end: "source" | "destination"): void {
    const list = <const Name extends string>(name: `${typeof end}_${Name}` & TextField) => this.#filter[name];
    this.add(list(`${end}_ip`), (wanted) => addressTest(`${end}_ip`, wanted, end));
    this.add(list(`${end}_port`), (wanted) => portTest(`${end}_port`, wanted, end));
    this.add(list(`${end}_pod`), (wanted) => podTest(`${end}_pod`, wanted, end));
    this.add(list(`${end}_label`), (wanted) => {
      const selectors = wanted.map((text) => labelSelector(`${end}_label`, text));
      return (record) => {
        const labels = record[end].labels.map(parseLabel);
        return selectors.some((matches) => matches(labels));
      };
    });
    // Flows have neither services nor names of addresses yet; what is no name is refused all the same.
    this.add(list(`${end}_service`), (wanted) => {
      for (const text of wanted) namePrefix(`${end}_service`, text);
      return () => false;
    });
    this.add(list(`${end}_fqdn`), (wanted) => {
      for (const text of wanted) domainPattern(`${end}_fqdn`, text);
      return () => false;
    });
  }

  all(): RecordTest {
    return (record) => this.#tests.every((test) => test(record));
  }
}

function always(answer: boolean): RecordTest {
  return () => answer;
}

interface EventKind {
  readonly type: number;
  /** Null: it has none that could be asked for. */
  readonly subType: number | null;
}

/** Hubble's number of a packet seen on its way. */
const TRACE = 4;

/**
 * What an event is when it is asked for by its type. Where Cilium tells two things, a
 * verdict and the packet's drop or way, a verdict of ours is both.
 */
function kindsOf({ type, reason }: EventRecord): readonly EventKind[] {
  const drop = { type: EventType.DROP, subType: reason };
  if (type === EventType.DROP) return [drop];
  return [{ type, subType: 0 }, reason === DropReason.NONE ? { type: TRACE, subType: null } : drop];
}

function versionOf({ family }: EventRecord): string {
  if (family === AddressFamily.NONE) return "IP_NOT_USED";
  return family === AddressFamily.IPV6 ? "IPv6" : "IPv4";
}

function protocolTest(wanted: readonly string[]): RecordTest {
  const names = wanted.flatMap((text) => {
    const found = protocols.get(text.toLowerCase());
    if (found === undefined) throw refusal("protocol", `${text} is no protocol`);
    return found;
  });
  const set = new Set<string | undefined>(names);
  return ({ event }) => set.has(layer4Name(event));
}

function addressTest(field: string, wanted: readonly string[], end: "source" | "destination"): RecordTest {
  const ranges: Cidr[] = wanted.map((text) => {
    const address = parseAddress(text);
    const range = address ? hostCidr(address) : parseCidr(text);
    if (!range) throw refusal(field, `${text} is neither an address nor a CIDR`);
    return range;
  });
  return ({ event }) => {
    const address = parseAddress(addressText(event.family, event[end].bytes));
    if (!address) return false;
    const host = hostCidr(address);
    return ranges.some((range) => cidrContains(range, host));
  };
}

function portTest(field: string, wanted: readonly string[], end: "source" | "destination"): RecordTest {
  const ports = new Set(
    wanted.map((text) => {
      if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw refusal(field, `${text} is no port`);
      return Number(text);
    }),
  );
  return ({ event }) => {
    const name = layer4Name(event);
    // ICMP has none: the kernel keeps the identifier there.
    const hasPorts = name === "TCP" || name === "UDP" || name === "SCTP";
    return hasPorts && ports.has(end === "source" ? event.sourcePort : event.destinationPort);
  };
}

function podTest(field: string, wanted: readonly string[], end: "source" | "destination"): RecordTest {
  const prefixes = wanted.map((text) => namePrefix(field, text));
  return (record) => {
    const { namespace, pod }: FlowParty = record[end];
    if (namespace === null && pod === null) return false;
    return prefixes.some(
      (wish) => (wish.namespace === null || wish.namespace === namespace) && (pod ?? "").startsWith(wish.prefix),
    );
  };
}
