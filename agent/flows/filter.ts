import type { FlowQuery } from "#agent/api/flow-filter.ts";
import { ApiError } from "#agent/api/errors.ts";
import type { EventRecord } from "#agent/datapath/layouts.gen.ts";
import { type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { addressText } from "./address-text.ts";
import type { FlowParty } from "./context.ts";
import { layer4Name } from "./layer4.ts";
import { directionOf, type FlowRecord, flowVerdict } from "./record.ts";

type Test = (record: FlowRecord) => boolean;

/**
 * The test that a query stands for.
 *
 * @throws ApiError `bad-request` when an address of it is none.
 */
export function flowFilter(query: FlowQuery): Test {
  const tests: Test[] = [];
  const add = <T>(wanted: readonly T[], values: (record: FlowRecord) => readonly (T | undefined)[]): void => {
    if (wanted.length === 0) return;
    const set = new Set(wanted);
    tests.push((record) => values(record).some((value) => value !== undefined && set.has(value)));
  };
  add(query.verdict, (record) => [flowVerdict(record)]);
  add(query.direction, ({ event }) => [directionOf(event) === "egress" ? "EGRESS" : "INGRESS"]);
  add(query.protocol, ({ event }) => [layer4Name(event)]);
  add(query.namespace, ({ source, destination }) => [
    source.namespace ?? undefined,
    destination.namespace ?? undefined,
  ]);
  add(query.pod, ({ source, destination }) => [podName(source), podName(destination)]);
  add(query.port, ({ event }) => portsOf(event));
  if (query.staged) tests.push(({ staged }) => staged.length > 0);
  if (query.ip.length > 0) tests.push(addressTest(query.ip));
  if (query.since !== undefined) {
    const since = BigInt(Date.parse(query.since)) * 1_000_000n;
    tests.push(({ time }) => time >= since);
  }
  return (record) => tests.every((test) => test(record));
}

function podName({ namespace, pod }: FlowParty): string | undefined {
  return namespace === null || pod === null ? undefined : `${namespace}/${pod}`;
}

/** ICMP has none: the kernel keeps the identifier there. */
function portsOf(event: EventRecord): number[] {
  const name = layer4Name(event);
  return name === "TCP" || name === "UDP" || name === "SCTP" ? [event.sourcePort, event.destinationPort] : [];
}

function addressTest(texts: readonly string[]): Test {
  const ranges = texts.map(parseRange);
  const inRange = (text: string): boolean => {
    const address = parseAddress(text);
    return address !== null && ranges.some((range) => cidrContains(range, hostCidr(address)));
  };
  return ({ event }) =>
    inRange(addressText(event.family, event.source.bytes)) ||
    inRange(addressText(event.family, event.destination.bytes));
}

function parseRange(text: string): Cidr {
  const address = parseAddress(text);
  const range = address ? hostCidr(address) : parseCidr(text);
  if (range) return range;
  throw new ApiError("bad-request", { asked: "filter flows", obstacle: `${text} is neither an address nor a CIDR` });
}
