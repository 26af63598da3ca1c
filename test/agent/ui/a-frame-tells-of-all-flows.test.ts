import { expect, test } from "vitest";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import type { LiveFrame } from "#agent/ui/frame.ts";
import { LiveFlows } from "#agent/ui/live.ts";
import { liveQuery } from "#agent/ui/live-query.ts";
import { addEvent, denial, event, FakeContext } from "#test/agent/flows/fixture.ts";
import { addRequest, answer, deniedRequest, http, request, tls } from "#test/agent/flows/request-fixture.ts";

/** What a reader is told of some flows, and of one that comes while it reads: so many frames. */
async function read(query: Readonly<Record<string, unknown>>, count: number): Promise<LiveFrame[]> {
  const context = new FakeContext();
  const ring = new FlowRing(context, 1024);
  for (let i = 0; i < 99; i++) addEvent(ring, event());
  addEvent(ring, denial());
  const stop = new AbortController();
  const live = new LiveFlows(new FlowReader(ring, context), "n1");
  const all: LiveFrame[] = [];
  for await (const frames of live.read(liveQuery.parse(query), stop.signal)) {
    all.push(...frames);
    // The answer to what was allowed: its ends are the other way round, its connection's are not.
    if (all.length === 1) addEvent(ring, event({ isReply: 1, sourcePort: 5432, destinationPort: 40_000 }));
    if (all.length === count) stop.abort();
  }
  return all;
}

const edgesOf = (all: readonly LiveFrame[]): Record<string, number> =>
  Object.fromEntries(
    all.flatMap(({ edges }) => edges).map(({ from, to, outcome, flows }) => [`${from} ${to} ${outcome}`, flows]),
  );
const portsOf = (all: readonly LiveFrame[]): (number | undefined)[] =>
  all.flatMap(({ flows }) => flows).map(({ l4 }) => l4?.TCP?.destination_port);

test("the map counts every flow by who opened its connection, the table has the newest", async () => {
  const [before, after] = (await read({}, 2)).map((frame) => [frame]) as [LiveFrame[], LiveFrame[]];
  expect(edgesOf(before)).toEqual({ "shop/web shop/db allowed": 99, "shop/web shop/db denied": 1 });
  expect(before[0]?.parties).toEqual([
    { id: "shop/web", namespace: "shop", name: "web" },
    { id: "shop/db", namespace: "shop", name: "db" },
  ]);
  expect(portsOf(before)).toEqual(Array.from({ length: 20 }, () => 5432));
  expect(edgesOf(after)).toEqual({ "shop/web shop/db allowed": 100 });
  expect(after[0]?.edges[0]?.services).toEqual(["TCP 5432"]);
  expect(portsOf(after)).toEqual([40_000]);
  // What was there before is no flow of now.
  expect([...before, ...after].map(({ matched }) => matched)).toEqual([0, 1]);
});

test.each<[query: object, edges: object, rows: number]>([
  [{ verdict: "DROPPED" }, { "shop/web shop/db denied": 1 }, 1],
  [{ text: "APP=DB" }, { "shop/web shop/db allowed": 99, "shop/web shop/db denied": 1 }, 20],
  [{ text: "nobody" }, {}, 0],
  // What is chosen on the map does not change the map.
  [{ outcome: "denied" }, { "shop/web shop/db allowed": 99, "shop/web shop/db denied": 1 }, 1],
  [{ party: "shop/db" }, { "shop/web shop/db allowed": 99, "shop/web shop/db denied": 1 }, 20],
  [{ party: ["shop/db", "world"] }, { "shop/web shop/db allowed": 99, "shop/web shop/db denied": 1 }, 0],
])("%j", async (query, edges, rows) => {
  const all = await read({ ...query }, 1);
  expect(edgesOf(all)).toEqual(edges);
  expect(portsOf(all)).toHaveLength(rows);
});

test("requests are on the map as their connections are, and found by what they ask for", async () => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 1024);
  addRequest(ring, request());
  addRequest(ring, answer({ ...http, code: 200 }));
  addRequest(ring, deniedRequest());
  addRequest(ring, request({ verdict: "error", content: tls }));
  const live = new LiveFlows(new FlowReader(ring, context), "n1");
  const first = async (query: object): Promise<LiveFrame | undefined> => {
    const stop = new AbortController();
    for await (const [frame] of live.read(liveQuery.parse(query), stop.signal)) {
      stop.abort();
      return frame;
    }
    return undefined;
  };
  const all = await first({});
  expect(edgesOf(all ? [all] : [])).toEqual({ "shop/web shop/db allowed": 2, "shop/web shop/db denied": 2 });
  expect((await first({ text: "ITEMS?ID=7" }))?.flows).toHaveLength(3);
  expect((await first({ text: "api.example" }))?.flows).toHaveLength(1);
  expect((await first({ verdict: "DROPPED" }))?.flows.map(({ verdict }) => verdict)).toEqual(["DROPPED", "ERROR"]);
  expect((await first({ protocol: "HTTP", verdict: "FORWARDED" }))?.flows).toHaveLength(2);
});
