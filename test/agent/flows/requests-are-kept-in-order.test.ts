import { expect, test } from "vitest";
import type { LostFlows } from "#agent/api/flow.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { addEvent, event, FakeContext, lineOf, query } from "./fixture.ts";
import { addRequest, deniedRequest, http, request } from "./request-fixture.ts";

function setUp(capacity: number, requestBytes?: number): { ring: FlowRing; reader: FlowReader } {
  const context = new FakeContext();
  const ring = new FlowRing(context, capacity, requestBytes);
  return { ring, reader: new FlowReader(ring, context) };
}

async function all(reader: FlowReader): Promise<ReturnType<typeof lineOf>[]> {
  const lines: ReturnType<typeof lineOf>[] = [];
  for await (const batch of reader.read(query({ lost: "true" }), new AbortController().signal)) {
    lines.push(...batch.map(lineOf));
  }
  return lines;
}

const url = (name: string) => request({ content: { ...http, url: name } });
const toldBy = async (reader: FlowReader): Promise<unknown[]> =>
  (await all(reader)).map((line) => ("lost_events" in line ? line : (line.l7?.http?.url ?? line.Type)));

test("requests and packets are told in the order in which they came, and a place that is taken anew tells of nothing else", async () => {
  const { ring, reader } = setUp(4);
  for (const name of ["/1", "/2"]) addRequest(ring, url(name));
  addEvent(ring, event());
  addRequest(ring, url("/3"));
  expect(await toldBy(reader)).toEqual(["/1", "/2", "L3_L4", "/3"]);
  addEvent(ring, event());
  expect(await toldBy(reader)).toEqual(["/2", "L3_L4", "/3", "L3_L4"]);
});

test("who follows hears of requests", async () => {
  const { ring, reader } = setUp(4);
  const stop = new AbortController();
  const lines = reader.read(query({ follow: "true", protocol: "HTTP" }), stop.signal);
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value = [], done } = await lines.next();
      if (done === true || value.length > 0) return value.map(lineOf);
    }
  };
  const first = next();
  addRequest(ring, url("/1"));
  expect(await first).toMatchObject([{ l7: { http: { url: "/1" } } }]);
  const second = next();
  addEvent(ring, event());
  addRequest(ring, url("/2"));
  expect(await second).toMatchObject([{ l7: { http: { url: "/2" } } }]);
  stop.abort();
});

test("when the texts of requests take more than they may, the oldest flows go, and a reader is told how many", async () => {
  const { ring, reader } = setUp(64, 16_000);
  for (let i = 0; i < 50; i++) addRequest(ring, url(`/${"x".repeat(900)}${i}`));
  const reading = reader.read(query({ lost: "true" }), new AbortController().signal);
  await reading.next();
  const kept = ring.next - ring.oldest;
  expect(kept).toBeGreaterThan(5);
  expect(kept).toBeLessThan(20);
  expect(await toldBy(reader)).toHaveLength(kept);
  expect(ring.get(ring.oldest - 1)).toBeUndefined();
  // Others take the places of those that are gone, and requests that are short have room again.
  for (let i = 0; i < 64; i++) addEvent(ring, event());
  for (let i = 0; i < 10; i++) addRequest(ring, url(`/${i}`));
  expect(ring.next - ring.oldest).toBe(64);
  expect(await toldBy(reader)).toHaveLength(64);
});

test("a reader that the texts of requests have overtaken hears how many flows it missed", async () => {
  const { ring, reader } = setUp(4096, 16_000);
  for (let i = 0; i < 600; i++) addEvent(ring, event());
  const lines = reader.read(query({ lost: "true" }), new AbortController().signal);
  let seen = (await lines.next()).value as readonly unknown[];
  const first = seen.length;
  for (let i = 0; i < 50; i++) addRequest(ring, url(`/${"x".repeat(900)}${i}`));
  const missed: LostFlows[] = [];
  for await (const batch of lines) {
    for (const line of batch) if ("lost_events" in line) missed.push(line);
    seen = [...seen, ...batch];
  }
  expect(missed).toEqual([{ lost_events: { source: "HUBBLE_RING_BUFFER", num_events_lost: String(600 - first) } }]);
});

test("who follows hears of requests that the proxy could not tell of, also when nothing else comes", async () => {
  const { ring, reader } = setUp(4);
  const stop = new AbortController();
  const lines = reader.read(query({ follow: "true", lost: "true" }), stop.signal);
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value = [], done } = await lines.next();
      if (done === true || value.length > 0) return value.map(lineOf);
    }
  };
  const lost = (source: string, count: number) => [{ lost_events: { source, num_events_lost: String(count) } }];
  const first = next();
  ring.loseRequests(3);
  ring.settle(5n);
  expect(await first).toEqual(lost("PERF_EVENT_RING_BUFFER", 5));
  // While the reader is at work.
  ring.loseRequests(4);
  ring.settle();
  expect(await next()).toEqual(lost("OBSERVER_EVENTS_QUEUE", 3));
  expect(await next()).toEqual(lost("OBSERVER_EVENTS_QUEUE", 4));
  stop.abort();
});

test("verdicts on requests are counted beside those on packets", () => {
  const { ring } = setUp(4);
  addRequest(ring, request());
  addRequest(ring, deniedRequest());
  addRequest(ring, deniedRequest());
  addRequest(ring, request({ verdict: "error" }));
  expect(ring.counts).toMatchObject({ l7: { FORWARDED: 1, DROPPED: 2, ERROR: 1 }, drop: { DROPPED: 0 } });
});

test("the datapath's own events are without requests", async () => {
  const { ring, reader } = setUp(4);
  addRequest(ring, request());
  addEvent(ring, event());
  const events: unknown[] = [];
  const signal = new AbortController().signal;
  for await (const batch of reader.events({ ...query(), type: [] }, signal)) events.push(...batch);
  expect(events).toMatchObject([{ type: "policy-verdict" }]);
});
