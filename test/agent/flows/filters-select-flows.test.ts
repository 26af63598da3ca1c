import { expect, test } from "vitest";
import type { StagedOutcome } from "#agent/api/flow.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import { flowFilter } from "#agent/flows/filter.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { addEvent, dbRule, denial, event, FakeContext, noEnd, query } from "./fixture.ts";

/** What a filter is asked about, by name: each one event. */
const events = {
  allow: event(),
  deny: denial(),
  udp: event({ protocol: 17, destinationPort: 53 }),
  ping: event({ protocol: 1, icmpType: 8, sourcePort: 80, destinationPort: 80 }),
  out: event({ destination: { bytes: encodeAddress("192.0.2.1").bytes }, end: [event().end[0], noEnd] }),
  late: event({ time: 60_000_000_000n }),
};
/** The one that a staged rule would deny. */
const staged: Partial<Record<Name, readonly StagedOutcome[]>> = {
  udp: [{ direction: "ingress", verdict: "deny", rules: [dbRule] }],
};
type Name = keyof typeof events;
const all: Name[] = ["allow", "deny", "udp", "ping", "out", "late"];

const cases: readonly (readonly [Readonly<Record<string, string | string[]>>, readonly Name[]])[] = [
  [{}, all],
  [{ verdict: "DROPPED" }, ["deny"]],
  [{ verdict: ["DROPPED", "FORWARDED"] }, all],
  [{ direction: "INGRESS" }, ["deny"]],
  [{ protocol: "UDP" }, ["udp"]],
  [{ protocol: ["ICMPv4", "UDP"] }, ["udp", "ping"]],
  [{ port: "53" }, ["udp"]],
  [{ port: "80" }, []],
  [{ port: "40000", protocol: "UDP" }, ["udp"]],
  [{ pod: "shop/db-0" }, ["allow", "deny", "udp", "ping", "late"]],
  [{ pod: "shop/web-1", verdict: "DROPPED" }, ["deny"]],
  [{ pod: "other/db-0" }, []],
  [{ namespace: "shop" }, all],
  [{ namespace: "other" }, []],
  [{ ip: "192.0.2.1" }, ["out"]],
  [{ ip: "192.0.2.0/24" }, ["out"]],
  [{ ip: ["192.0.2.9", "10.0.0.7"] }, all],
  [{ ip: "fd00::/8" }, []],
  [{ staged: "true" }, ["udp"]],
  [{ staged: "false" }, all],
  [{ since: "2026-01-31T12:00:30Z" }, ["late"]],
  [{ since: "2026-01-31T13:00:30+01:00" }, ["late"]],
];

test.each(cases)("%j", (text, expected) => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 8);
  const matches = flowFilter(query(text));
  const found = all.filter((name, sequence) => {
    addEvent(ring, events[name], staged[name]);
    const record = ring.get(sequence);
    return record !== undefined && matches(record);
  });
  expect(found).toEqual(expected);
});

test("an address that is none is the caller's mistake", () => {
  expect(() => flowFilter(query({ ip: "10.0.0.300" }))).toThrow("10.0.0.300 is neither an address nor a CIDR");
});
