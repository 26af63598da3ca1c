import { expect, test } from "vitest";
import type { StagedOutcome } from "#agent/api/flow.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import type { FlowFilter } from "#agent/api/flow-filter.ts";
import { flowFilter } from "#agent/flows/filter.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { addEvent, dbRule, denial, event, FakeContext, filtering, noEnd, query } from "./fixture.ts";

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

const filter = (fields: FlowFilter): { whitelist: string } => ({ whitelist: JSON.stringify(fields) });
const none = (fields: FlowFilter): { blacklist: string } => ({ blacklist: JSON.stringify(fields) });
const either = (name: Name): Name[] => all.filter((one) => one !== name);

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
  [{ pod: "shop/db-0" }, either("out")],
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
  // A name's beginning, within a namespace; without one: of `default`.
  [{ pod: "shop/d" }, either("out")],
  [{ pod: "db" }, []],
  [{ pod: "/db" }, either("out")],
  [filter({ destination_pod: ["shop/db"] }), either("out")],
  [filter({ source_pod: ["shop/db"] }), []],
  [filter({ destination_ip: ["192.0.2.0/25", "192.0.2.128/25"] }), ["out"]],
  [filter({ destination_ip: ["0.0.0.0/0"] }), all],
  [filter({ source_ip: ["::/0"] }), []],
  [filter({ label: ["app=db"] }), either("out")],
  [filter({ source_label: ["app in (web, x), !tier"] }), all],
  [filter({ destination_label: ["reserved:world"] }), ["out"]],
  [filter({ destination_port: ["53", "80"] }), ["udp"]],
  [filter({ destination_identity: [2] }), ["out"]],
  [filter({ identity: [20482] }), either("out")],
  [filter({ endpoint: [13] }), either("out")],
  [filter({ source_endpoint: [13] }), []],
  [filter({ protocol: ["icmp"] }), ["ping"]],
  [filter({ tcp_flags: [{ SYN: true }] }), ["allow", "deny", "out", "late"]],
  [filter({ tcp_flags: [{ SYN: true, ACK: true }] }), []],
  [filter({ reply: [true] }), []],
  [filter({ ip_version: ["IPv6"] }), []],
  [filter({ drop_reason_desc: ["POLICY_DENIED"] }), ["deny"]],
  [filter({ event_type: [{ type: 1 }] }), ["deny"]],
  [filter({ event_type: [{ type: 1, match_sub_type: true, sub_type: 133 }] }), ["deny"]],
  [filter({ event_type: [{ type: 1, match_sub_type: true, sub_type: 130 }] }), []],
  [filter({ policy: ["NetworkPolicy/shop/web:egress[0]"] }), either("deny")],
  [filter({ policy: ["shop/db"] }), ["allow", "udp", "ping", "late"]],
  [filter({ node_name: ["n*"] }), all],
  [filter({ http_method: ["GET"] }), []],
  [none({ http_method: ["GET"] }), all],
  [none({ verdict: ["DROPPED"] }), either("deny")],
  [{ blacklist: ['{"verdict":["DROPPED"]}', '{"port":["53"]}'] }, ["allow", "ping", "out", "late"]],
  [{ whitelist: ['{"verdict":["DROPPED"]}', '{"port":["53"]}'] }, ["deny", "udp"]],
  [{ ...filter({ pod: ["shop/"] }), port: "53" }, ["udp"]],
];

test.each(cases)("%j", (text, expected) => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 8);
  const matches = flowFilter(query(text), filtering);
  const found = all.filter((name, sequence) => {
    addEvent(ring, events[name], staged[name]);
    const record = ring.get(sequence);
    return record !== undefined && matches(record);
  });
  expect(found).toEqual(expected);
});

test.each<[text: Readonly<Record<string, string>>, words: string]>([
  [{ ip: "10.0.0.300" }, "ip: 10.0.0.300 is neither an address nor a CIDR"],
  [{ pod: "/" }, "pod: [NAMESPACE/]NAME-PREFIX is wanted"],
  [filter({ port: ["http"] }), "port: http is no port"],
  [filter({ label: ["a in b"] }), "label: a in b is no label selector"],
  [filter({ policy: ["a/b/c/d"] }), "policy: a/b/c/d is not [[KIND/]NAMESPACE/]NAME[:RULE]"],
  [filter({ drop_reason_desc: ["BAD_LUCK"] }), "drop_reason_desc: BAD_LUCK is no reason of a drop"],
  [filter({ protocol: ["gopher"] }), "protocol: gopher is no protocol"],
  [filter({ http_status_code: ["600"] }), "http_status_code: 600 is no status: 404, 4xx, 4+ or 40+ is wanted"],
  [filter({ http_status_code: ["+"] }), "http_status_code: + is no status"],
  [filter({ http_path: ["/(?=admin)"] }), "http_path: it is no regular expression of RE2"],
  [filter({ http_url: ["a".repeat(1025)] }), "http_url: more than 1024 characters are too many"],
  [filter({ dns_query: ["(a{900}b{900})"] }), "dns_query: more than 1000 repetitions are too many"],
])("%j is the caller's mistake", (text, words) => {
  expect(() => flowFilter(query(text), filtering)).toThrow(words);
});

test.each<[text: Readonly<Record<string, string>>, words: string | RegExp]>([
  [{ whitelist: "{" }, "is not JSON"],
  [{ whitelist: '{"source_pot":["shop/"]}' }, /Unrecognized key: .*source_pot/],
  [{ blacklist: '{"verdict":["MAYBE"]}' }, "Invalid option"],
  [{ blacklist: '{"source_pod":"shop/"}' }, "expected array"],
])("%j is no query", (text, words) => {
  expect(() => query(text)).toThrow(words);
});
