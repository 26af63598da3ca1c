import { expect, test } from "vitest";
import { EventType, Verdict } from "#agent/datapath/layouts.gen.ts";
import { judgedEnds } from "#agent/flows/staged.ts";
import { dbEnd, denial, denyingEnd, event, noEnd, webEnd } from "./fixture.ts";

const egress = { direction: "egress", endpoint: 12, verdict: "allow", identity: 20482, addressClass: 0 };
const ingress = { direction: "ingress", endpoint: 13, verdict: "allow", identity: 20481, addressClass: 0 };
const tcp = { protocol: 6, port: 5432 };

test("each end is asked about who is at the other one", () => {
  const outside = { ...noEnd, identity: 2, addressClass: 16_777_217 };
  expect(judgedEnds(event())).toEqual([
    { ...egress, ...tcp },
    { ...ingress, ...tcp },
  ]);
  expect(judgedEnds(event({ end: [webEnd, outside] }))).toEqual([
    { ...egress, ...tcp, identity: 2, addressClass: 16_777_217 },
  ]);
  expect(judgedEnds(event({ end: [outside, dbEnd] }))).toEqual([
    { ...ingress, ...tcp, identity: 2, addressClass: 16_777_217 },
  ]);
});

test("verdicts are those of each end", () => {
  expect(judgedEnds(denial()).map(({ verdict }) => verdict)).toEqual(["allow", "deny"]);
  const redirecting = { ...denyingEnd, verdict: Verdict.REDIRECT };
  const missing = event({ type: EventType.DROP, reason: 178, end: [webEnd, redirecting] });
  expect(judgedEnds(missing).map(({ verdict }) => verdict)).toEqual(["allow", "redirect"]);
});

test("a drop that is not policy's has no judged end", () => {
  expect(
    judgedEnds(event({ type: EventType.DROP, reason: 203, end: [{ ...webEnd, verdict: Verdict.DENY }, noEnd] })),
  ).toEqual([]);
});

test("the node reaches its pods whatever is staged; a pod reaches the node as its policy says", () => {
  const node = { ...noEnd, identity: 1 };
  expect(judgedEnds(event({ end: [node, dbEnd] }))).toEqual([]);
  expect(judgedEnds(event({ end: [webEnd, node] }))).toEqual([{ ...egress, ...tcp, identity: 1 }]);
});

test("a reply is judged as what it answers", () => {
  const ports = { sourcePort: 5432, destinationPort: 40_000 };
  expect(judgedEnds(event({ ...ports, isReply: 1 })).map(({ port }) => port)).toEqual([5432, 5432]);
});

test.each([
  ["a request", 1, 8, 0, 8],
  ["its reply", 1, 0, 1, 8],
  ["a request of IPv6", 58, 128, 0, 128],
  ["its reply", 58, 129, 1, 128],
  ["a reply that nobody asked for", 1, 0, 0, 0],
])("ICMP: %s (protocol %i, type %i)", (_, protocol, icmpType, isReply, port) => {
  const [end] = judgedEnds(event({ protocol, icmpType, isReply, sourcePort: 7, destinationPort: 7 }));
  expect(end).toMatchObject({ protocol, port });
});
