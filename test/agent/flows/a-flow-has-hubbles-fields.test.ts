import { expect, test } from "vitest";
import { type Flow, flow as flowSchema } from "#agent/api/flow.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import { AddressFamily, type EventRecord, EventType, Verdict } from "#agent/datapath/layouts.gen.ts";
import { NearestRules } from "#agent/flows/nearest.ts";
import type { FlowRecord } from "#agent/flows/record.ts";
import { FlowRenderer } from "#agent/flows/render.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import {
  addEvent,
  db,
  dbEnd,
  dbRule,
  denial,
  denyingEnd,
  event,
  FakeContext,
  noEnd,
  web,
  webEnd,
  webRule,
} from "./fixture.ts";

/** An event's flow, once through the ring. */
function flowOf(record: EventRecord, context = new FakeContext()): Flow {
  const ring = new FlowRing(context, 4);
  addEvent(ring, record);
  const kept = ring.get(0);
  if (!kept) throw new Error("the ring lost the event");
  const flow = new FlowRenderer(context, new NearestRules(context)).render(kept);
  expect(flowSchema.parse(flow)).toEqual(flow);
  return flow;
}

const endpoint = { labels: web.labels, namespace: "shop" };
const policy = (name: string) => ({
  name,
  namespace: "shop",
  labels: [
    "k8s:io.cilium.k8s.policy.derived-from=NetworkPolicy",
    `k8s:io.cilium.k8s.policy.name=${name}`,
    "k8s:io.cilium.k8s.policy.namespace=shop",
  ],
  revision: "41",
  kind: "NetworkPolicy",
});

test("an allow names the rules of both ends", () => {
  expect(flowOf(event())).toEqual({
    time: "2026-01-31T12:00:00.000000001Z",
    uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/) as string,
    verdict: "FORWARDED",
    IP: { source: "10.0.0.7", destination: "10.0.0.8", ipVersion: "IPv4" },
    l4: { TCP: { source_port: 40_000, destination_port: 5432, flags: { SYN: true } } },
    source: { ID: 12, identity: 20481, pod_name: "web-1", ...endpoint },
    destination: { ID: 13, identity: 20482, pod_name: "db-0", ...endpoint, labels: db.labels },
    Type: "L3_L4",
    node_name: "n1",
    event_type: { type: 5, sub_type: 0 },
    traffic_direction: "EGRESS",
    policy_match_type: 2,
    is_reply: false,
    interface: { index: 33, name: "weir33" },
    egress_allowed_by: [policy("web")],
    ingress_allowed_by: [policy("db")],
    weir: { rules: [webRule, dbRule], generation: "41", reason: "allowed by rule" },
  });
});

test("a denial by default names what would nearly have allowed it", () => {
  expect(flowOf(denial())).toMatchObject({
    verdict: "DROPPED",
    drop_reason: 133,
    drop_reason_desc: "POLICY_DENIED",
    traffic_direction: "INGRESS",
    file: { name: "judge.h", line: 99 },
    egress_allowed_by: [policy("web")],
    weir: {
      rules: [],
      denied: "ingress",
      reason: "no rule allows it",
      nearest: { ...dbRule, because: "port 5432 is not 5433" },
    },
  });
});

test("a denial by rule names the rule, and nothing that is near", () => {
  const flow = flowOf(denial({ reason: 181, end: [webEnd, { ...denyingEnd, rules: [0, 6, 0] }] }));
  expect(flow).toMatchObject({
    drop_reason_desc: "POLICY_DENY",
    ingress_denied_by: [policy("db")],
    weir: { rules: [dbRule], denied: "ingress", reason: "a rule denies it" },
  });
  expect(flow.weir).not.toHaveProperty("nearest");
});

test("a rule that asks for the proxy, which is not there, is named", () => {
  const redirecting = { ...denyingEnd, verdict: Verdict.REDIRECT, rules: [0, 6, 0] as const };
  const flow = flowOf(event({ type: EventType.DROP, reason: 178, end: [webEnd, redirecting] }));
  expect(flow).toMatchObject({
    drop_reason_desc: "SOCKET_LOOKUP_FAILED",
    traffic_direction: "INGRESS",
    ingress_allowed_by: [policy("db")],
    weir: {
      rules: [dbRule],
      denied: "ingress",
      reason: "a rule asks for the proxy, which is not there, or has not had the connection from its beginning",
    },
  });
});

test.each([
  [198, "the rule that allows it has had as many new connections as it may"],
  [232, "the rule that allows it has as many connections as it may"],
])("a drop by a limit (%i) names the rules that allow", (reason, words) => {
  const flow = flowOf(event({ type: EventType.DROP, reason }));
  expect(flow).toMatchObject({ verdict: "DROPPED", weir: { rules: [webRule, dbRule], reason: words } });
});

test("what would be otherwise if everything staged were in force, and only then", () => {
  const outcome = { direction: "ingress", verdict: "deny", rules: [dbRule] } as const;
  const context = new FakeContext();
  const ring = new FlowRing(context, 2);
  const renderer = new FlowRenderer(context, new NearestRules(context));
  addEvent(ring, event(), [outcome]);
  addEvent(ring, event());
  const staged = (sequence: number) => renderer.render(ring.get(sequence) as FlowRecord).weir;
  expect(staged(0)).toMatchObject({ rules: [webRule, dbRule], staged: [outcome] });
  expect(staged(1)).not.toHaveProperty("staged");
  // An event that comes into the place of another has nothing of it.
  addEvent(ring, event());
  expect(staged(2)).not.toHaveProperty("staged");
});

test("a reply has its own source and destination; the denial is of the connection", () => {
  const context = new FakeContext();
  const reply = { source: event().destination, destination: event().source, sourcePort: 5432, destinationPort: 40_000 };
  const flow = flowOf(denial({ ...reply, isReply: 1 }), context);
  expect(flow).toMatchObject({ is_reply: true, source: { pod_name: "db-0" }, destination: { pod_name: "web-1" } });
  expect(context.denials).toMatchObject([
    { direction: "ingress", source: web, destination: db, sourceAddress: "10.0.0.7", port: 5432 },
  ]);
});

test("a packet dropped before its ends are known is the interface's", () => {
  const flow = flowOf(event({ type: EventType.DROP, reason: 132, end: [noEnd, noEnd], file: 1, line: 7 }));
  expect(flow).toMatchObject({
    drop_reason_desc: "INVALID_SOURCE_IP",
    event_type: { type: 1, sub_type: 132 },
    source: { pod_name: "web-1" },
    destination: { identity: 2, labels: ["reserved:world"] },
    file: { name: "pod.h", line: 7 },
    weir: { rules: [], reason: "the source address is not the sender's" },
  });
  expect(flow).not.toHaveProperty("policy_match_type");
});

test("no policy at either end: no rule, and it says so", () => {
  const open = [
    { ...webEnd, rules: [0, 0, 0] },
    { ...dbEnd, rules: [0, 0, 0] },
  ] as const;
  const flow = flowOf(event({ end: open }));
  expect(flow.weir).toEqual({ rules: [], generation: "41", reason: "no policy applies" });
  expect(flow).not.toHaveProperty("egress_allowed_by");
});

const icmp = { icmpType: 8, icmpCode: 0 };
test.each<[string, Partial<EventRecord>, Flow["l4"]]>([
  ["UDP", { protocol: 17 }, { UDP: { source_port: 40_000, destination_port: 5432 } }],
  ["SCTP", { protocol: 132 }, { SCTP: { source_port: 40_000, destination_port: 5432 } }],
  ["ICMP", { protocol: 1, ...icmp }, { ICMPv4: { type: 8, code: 0 } }],
  ["ICMPv6", { protocol: 58, icmpType: 128 }, { ICMPv6: { type: 128, code: 0 } }],
  ["another protocol", { protocol: 47 }, undefined],
])("%s", (_, changes, l4) => {
  expect(flowOf(event(changes)).l4).toEqual(l4);
});

test("IPv6", () => {
  const source = { bytes: encodeAddress("fd00::7").bytes };
  expect(flowOf(event({ family: AddressFamily.IPV6, source })).IP).toMatchObject({
    source: "fd00::7",
    ipVersion: "IPv6",
  });
});

test("a denial by default names who isolates the end that denied, of a reply the end where the packet comes from", () => {
  const [byDb, byWeb] = [dbRule, webRule].map(({ rule: _rule, ...policy }) => policy);
  const denyingWeb = { ...webEnd, verdict: Verdict.DENY, rules: [0, 0, 0] } as const;
  const swapped = { sourcePort: 5432, destinationPort: 40_000, isReply: 1 };
  expect(flowOf(denial()).weir.isolatedBy).toEqual([byDb]);
  expect(flowOf(denial({ ...swapped })).weir.isolatedBy).toEqual([byDb]);
  expect(flowOf(denial({ end: [denyingWeb, dbEnd] })).weir.isolatedBy).toEqual([byWeb]);
  expect(flowOf(event()).weir).not.toHaveProperty("isolatedBy");
});

test("a denial of a protocol that flows have no field for has its reasons, too", () => {
  const { l4, weir } = flowOf(denial({ protocol: 47, sourcePort: 0, destinationPort: 0 }));
  expect(l4).toBeUndefined();
  expect(weir).toMatchObject({ nearest: { name: "db" }, isolatedBy: [{ name: "db" }] });
});
