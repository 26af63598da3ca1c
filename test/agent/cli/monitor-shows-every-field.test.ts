import { expect, test } from "vitest";
import { datapathEvent, type DatapathEvent } from "#agent/api/event-views.ts";
import { ConnectionFlag, EventHook, type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { ManyParties, randomEvent } from "#test/agent/flows/random-flows.ts";
import { addEvent, dbEnd, denial, event, FakeContext, noEnd, webEnd } from "#test/agent/flows/fixture.ts";
import { Random } from "#test/support/random.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

/** One event of each type, an answer among them. */
const events = {
  allowed: event(),
  denied: denial(),
  spoofed: event({ type: EventType.DROP, reason: 132, file: 1, line: 12, end: [webEnd, noEnd] }),
  answer: event({
    type: EventType.TRACE,
    hook: EventHook.POD_INGRESS,
    isReply: 1,
    source: event().destination,
    destination: event().source,
    sourcePort: 5432,
    destinationPort: 40_000,
    tcpFlags: 0x12,
    packets: [1n, 1n],
    bytes: [74n, 2n ** 60n],
    connection: ConnectionFlag.SEEN_REPLY | ConnectionFlag.ESTABLISHED,
  }),
  outgoing: event({ end: [webEnd, noEnd] }),
  ping: event({ protocol: 1, icmpType: 8, end: [noEnd, dbEnd] }),
} satisfies Record<string, EventRecord>;
type Name = keyof typeof events;
const names = Object.keys(events) as Name[];

async function monitoring(): Promise<ApiFixture> {
  const context = new FakeContext();
  const ring = new FlowRing(context, 16);
  for (const name of names) addEvent(ring, events[name]);
  const reader = new FlowReader(ring, context);
  return ApiFixture.start({ events: { read: (query, signal) => reader.events(query, signal) } });
}

const monitor = (api: ApiFixture, ...argv: readonly string[]): Promise<Outcome> =>
  weir(api.runDir, "monitor", "--kept", ...argv);
const parse = (stdout: string): DatapathEvent[] =>
  stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as DatapathEvent);

test.each<[line: string, wanted: readonly Name[]]>([
  ["", names],
  ["--type drop", ["spoofed"]],
  ["--type policy-verdict", ["allowed", "denied", "outgoing", "ping"]],
  ["-t trace,drop", ["spoofed", "answer"]],
  ["--from 12", ["allowed", "denied", "spoofed", "outgoing"]],
  ["--from 13", ["answer"]],
  ["--to 13", ["allowed", "denied", "ping"]],
  ["--to 12 --type trace", ["answer"]],
  ["--related-to 13", ["allowed", "denied", "answer", "ping"]],
  ["--related-to 1", []],
  ["--related-to 12,13 --type drop", ["spoofed"]],
  ["--related-to 12 --to 13", ["allowed", "denied"]],
  ["--last 2", ["outgoing", "ping"]],
])("weir monitor %s", async (line, wanted) => {
  await using api = await monitoring();
  const { stdout, stderr, exitCode } = await monitor(api, "-o", "json", ...line.split(" ").filter(Boolean));
  expect([parse(stdout).map(({ sequence }) => names[sequence]), stderr, exitCode]).toEqual([wanted, "", 0]);
});

test("--related-to has exactly the events whose sender or receiver is the endpoint, whatever the events", async () => {
  const context = new ManyParties();
  const ring = new FlowRing(context, 400);
  const random = new Random(7);
  for (let i = 0; i < 400; i++) addEvent(ring, randomEvent(random, BigInt(i)));
  const reader = new FlowReader(ring, context);
  await using api = await ApiFixture.start({ events: { read: (query, signal) => reader.events(query, signal) } });
  const all = parse((await monitor(api, "-o", "json")).stdout);
  expect(all).toHaveLength(400);
  for (const id of [1, 2, 3, 4, 5, 6]) {
    const related = parse((await monitor(api, "-o", "json", "--related-to", String(id))).stdout);
    const wanted = all.filter(({ ends }) => [ends.source.endpoint, ends.destination.endpoint].includes(id));
    expect(related).toEqual(wanted);
    expect(wanted.length).toBeGreaterThan(0);
  }
});

test("JSON has every field of the record, in the words of the schema", async () => {
  await using api = await monitoring();
  const found = parse((await monitor(api, "-o", "json")).stdout);
  for (const one of found) expect(datapathEvent.strict().parse(one)).toEqual(one);
  expect(found[3]).toEqual({
    sequence: 3,
    time: "2026-01-31T12:00:00.000000001Z",
    type: "trace",
    reason: null,
    reasonNumber: 0,
    hook: "pod-ingress",
    ifindex: 33,
    file: null,
    line: null,
    generation: "41",
    family: "IPv4",
    protocol: 6,
    source: "10.0.0.8",
    destination: "10.0.0.7",
    sourcePort: 5432,
    destinationPort: 40_000,
    tcpFlags: ["SYN", "ACK"],
    icmpType: 0,
    icmpCode: 0,
    isReply: true,
    length: 74,
    ends: {
      source: { identity: 20481, addressClass: 0, endpoint: 12, rules: [5], verdict: "allow", match: "l3-l4" },
      destination: { identity: 20482, addressClass: 0, endpoint: 13, rules: [6], verdict: "allow", match: "l3-l4" },
    },
    packets: { source: "1", destination: "1" },
    bytes: { source: "74", destination: "1152921504606846976" },
    connection: ["seen-reply", "established"],
  });
});

test("a line for people", async () => {
  await using api = await monitoring();
  const { stdout } = await monitor(api);
  const time = "2026-01-31T12:00:00.000000001Z";
  expect(stdout.split("\n")).toEqual([
    `${time}  policy-verdict  pod-egress if 33  10.0.0.7:40000 -> 10.0.0.8:5432 TCP SYN 74 B  identity 20481 -> 20482  endpoint 12 -> 13  egress allow by rule 5 (l3-l4), ingress allow by rule 6 (l3-l4)  generation 41`,
    `${time}  policy-verdict POLICY_DENIED  pod-egress if 33  10.0.0.7:40000 -> 10.0.0.8:5432 TCP SYN 74 B  identity 20481 -> 20482  endpoint 12 -> 13  egress allow by rule 5 (l3-l4), ingress deny (none)  generation 41  judge.h:99`,
    `${time}  drop INVALID_SOURCE_IP  pod-egress if 33  10.0.0.7:40000 -> 10.0.0.8:5432 TCP SYN 74 B  identity 20481 -> 0  endpoint 12 -> 0  egress allow by rule 5 (l3-l4), ingress not judged  generation 41  pod.h:12`,
    `${time}  trace  pod-ingress if 33  10.0.0.8:5432 -> 10.0.0.7:40000 TCP SYN,ACK 74 B reply  identity 20481 -> 20482  endpoint 12 -> 13  egress allow by rule 5 (l3-l4), ingress allow by rule 6 (l3-l4)  generation 41  packets 1/1, bytes 74/1152921504606846976 seen-reply established`,
    `${time}  policy-verdict  pod-egress if 33  10.0.0.7:40000 -> 10.0.0.8:5432 TCP SYN 74 B  identity 20481 -> 0  endpoint 12 -> 0  egress allow by rule 5 (l3-l4), ingress not judged  generation 41`,
    `${time}  policy-verdict  pod-egress if 33  10.0.0.7 -> 10.0.0.8 ICMP type 8 code 0 74 B  identity 0 -> 20482  endpoint 0 -> 13  egress not judged, ingress allow by rule 6 (l3-l4)  generation 41`,
    "",
  ]);
});

test.each<[line: string, words: string]>([
  ["--type l7", "It is none of drop, policy-verdict, trace"],
  ["--related-to web", "It is neither a number of `weir endpoint list` nor host"],
  ["--frm 12", "unknown option '--frm'"],
])("weir monitor %s is bad usage", async (line, words) => {
  await using api = await monitoring();
  const { stdout, stderr, exitCode } = await monitor(api, ...line.split(" "));
  expect(stderr).toContain(words);
  expect([stdout, exitCode]).toEqual(["", 2]);
});

test("what was lost is said", async () => {
  await using api = await ApiFixture.start();
  const { stderr } = await monitor(api);
  expect(stderr).toBe("weir: 2 events lost: the kernel's ring was full\n");
});
