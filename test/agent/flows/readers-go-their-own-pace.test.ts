import { expect, test } from "vitest";
import type { FlowLine } from "#agent/api/flow.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { SeenNamespaces } from "#agent/flows/seen-namespaces.ts";
import { addEvent, denial, event, FakeContext, lineOf, noEnd, query } from "./fixture.ts";

class Setup {
  readonly context = new FakeContext();
  readonly ring: FlowRing;
  readonly #reader: FlowReader;
  readonly #stop = new AbortController();

  constructor(capacity: number) {
    this.ring = new FlowRing(this.context, capacity);
    this.#reader = new FlowReader(this.ring, this.context);
  }
  add(...ports: readonly number[]): void {
    for (const sourcePort of ports) addEvent(this.ring, event({ sourcePort }));
  }
  /** What a reader sees: source ports of flows, and counts of lost ones as text. */
  async *read(text: Readonly<Record<string, string>>): AsyncGenerator<number | string> {
    for await (const lines of this.#reader.read(query(text), this.#stop.signal))
      yield* lines.map((line) => brief(lineOf(line)));
  }
  stop(): void {
    this.#stop.abort();
  }
}

function brief(line: FlowLine): number | string {
  if ("lost_events" in line) return `${line.lost_events.num_events_lost} of ${line.lost_events.source}`;
  return line.l4?.TCP?.source_port ?? 0;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items) result.push(item);
  return result;
}

async function take<T>(items: AsyncGenerator<T>, count: number): Promise<T[]> {
  const result: T[] = [];
  while (result.length < count) {
    const next = await items.next();
    if (next.done) break;
    result.push(next.value);
  }
  return result;
}

test("what is kept comes oldest first; of the newest, as many as wanted", async () => {
  const setup = new Setup(4);
  setup.add(1, 2, 3, 4, 5, 6);
  expect(await all(setup.read({}))).toEqual([3, 4, 5, 6]);
  expect(await all(setup.read({ last: "2" }))).toEqual([5, 6]);
  expect(await all(setup.read({ last: "9" }))).toEqual([3, 4, 5, 6]);
  expect(await all(setup.read({ last: "0" }))).toEqual([]);
  expect(await all(setup.read({ last: "1", port: "4" }))).toEqual([4]);
});

test("a follower gets what comes, and before that only what it asked for", async () => {
  const setup = new Setup(8);
  setup.add(1, 2);
  const plain = setup.read({ follow: "true" });
  const withLast = setup.read({ follow: "true", last: "1" });
  const plainFirst = plain.next();
  expect(await take(withLast, 1)).toEqual([2]);
  setup.add(3);
  expect((await plainFirst).value).toBe(3);
  expect(await take(withLast, 1)).toEqual([3]);
  setup.stop();
  expect(await all(plain)).toEqual([]);
});

test("a reader that is too slow is told how many it missed, exactly", async () => {
  const setup = new Setup(4);
  setup.add(1);
  const reader = setup.read({ follow: "true", last: "1", lost: "true" });
  expect(await take(reader, 1)).toEqual([1]);
  setup.add(2, 3, 4, 5, 6, 7);
  expect(await take(reader, 5)).toEqual(["2 of HUBBLE_RING_BUFFER", 4, 5, 6, 7]);
  setup.stop();
});

test("flows that were lost are none of those that were asked for", async () => {
  const { ring, context } = new Setup(512);
  const reader = new FlowReader(ring, context);
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) addEvent(ring, event());
  };
  add(512);
  const selection = { matches: () => true, from: "oldest", limit: 300, follow: false, lost: true } as const;
  const records = reader.records(selection, new AbortController().signal);
  let [told, lost] = [0, 0];
  for await (const batch of records) {
    told += batch.filter((item) => "event" in item).length;
    for (const item of batch) lost += "event" in item ? 0 : Number(item.lost_events.num_events_lost);
    // More than the ring holds beyond what has been told.
    if (ring.next === 512) add(told + 100);
  }
  expect([told, lost]).toEqual([300, 100]);
});

test("namespaces are those with flows within the last hour", () => {
  const { ring } = new Setup(1);
  const start = BigInt(Date.parse("2026-01-31T12:00:00Z")) * 1_000_000n;
  const minute = 60_000_000_000n;
  addEvent(ring, event());
  addEvent(ring, event({ end: [noEnd, noEnd], ifindex: 0 }));
  expect(ring.namespaces(start + 60n * minute)).toEqual(["shop"]);
  expect(ring.namespaces(start + 61n * minute)).toEqual([]);
});

test("of many namespaces the old ones are forgotten", () => {
  const seen = new SeenNamespaces(10n);
  for (let i = 0; i < 5000; i++) seen.note(`n${i}`, BigInt(i));
  expect(seen.list(5000n)).toEqual(Array.from({ length: 10 }, (_, i) => `n${4990 + i}`));
});

test("flows of the last minute are counted as far back as they are kept", () => {
  const { ring } = new Setup(4);
  const start = BigInt(Date.parse("2026-01-31T12:00:00Z")) * 1_000_000n;
  for (let second = 0n; second < 6n; second++) addEvent(ring, event({ time: second * 1_000_000_000n }));
  expect([0n, 4n, 5n, 6n].map((second) => ring.countSince(start + second * 1_000_000_000n))).toEqual([4, 2, 1, 0]);
});

test("what the kernel lost is told to who wants to know", async () => {
  const setup = new Setup(4);
  setup.ring.settle(10n);
  const reader = setup.read({ follow: "true", lost: "true" });
  const first = reader.next();
  setup.ring.settle(17n);
  expect((await first).value).toBe("7 of PERF_EVENT_RING_BUFFER");
  setup.stop();
});

test("the same flow has the same name to every reader", async () => {
  const setup = new Setup(4);
  const reader = new FlowReader(setup.ring, setup.context);
  setup.add(1, 2);
  const signal = new AbortController().signal;
  const names = async (): Promise<string[]> =>
    (await all(reader.read(query(), signal)))
      .flat()
      .map(lineOf)
      .flatMap((line) => ("uuid" in line ? [line.uuid] : []));
  const first = await names();
  expect(await names()).toEqual(first);
  expect(new Set(first).size).toBe(2);
});

test("a denial that is seen again is searched once; a flood of different ones is bounded", async () => {
  const setup = new Setup(1024);
  for (let i = 0; i < 200; i++) addEvent(setup.ring, denial());
  await all(setup.read({}));
  expect(setup.context.denials).toHaveLength(1);
  for (let i = 0; i < 200; i++) addEvent(setup.ring, denial({ destinationPort: i }));
  await all(setup.read({ last: "200" }));
  expect(setup.context.denials.length).toBeLessThanOrEqual(1 + 64);
});

test("a reader that is to finish gets to the end of what has come by then", async () => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 4096);
  const reader = new FlowReader(ring, context);
  const finish = new AbortController();
  const selection = { matches: () => true, from: "oldest", follow: true, lost: true, finish: finish.signal } as const;
  const items = reader.records(selection, new AbortController().signal);
  const read = all(items);
  for (let i = 0; i < 1000; i++) addEvent(ring, event({ sourcePort: i }));
  finish.abort();
  expect((await read).flat()).toHaveLength(1000);
});

test("a reader that hangs up leaves the next one all the time to find what comes nearest", async () => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 256);
  const reader = new FlowReader(ring, context);
  const { signal } = new AbortController();
  // As many different denials as one may be told of at a stretch.
  for (let port = 1; port <= 64; port++) addEvent(ring, denial({ destinationPort: port }));
  for await (const lines of reader.read(query(), signal)) if (lines.length > 0) break;
  addEvent(ring, denial({ destinationPort: 65 }));
  const lines = (await all(reader.read(query({ last: "1" }), signal))).flat().map(lineOf);
  expect(lines).toMatchObject([{ weir: { nearest: { because: "port 65 is not 5433" } } }]);
});

test("of the oldest, as many as wanted; from an instant on, and until one, to the nanosecond", async () => {
  const setup = new Setup(8);
  for (const sourcePort of [1, 2, 3, 4]) addEvent(setup.ring, event({ sourcePort, time: BigInt(sourcePort) }));
  expect(await all(setup.read({ first: "2" }))).toEqual([1, 2]);
  expect(await all(setup.read({ first: "1", port: "3" }))).toEqual([3]);
  expect(await all(setup.read({ since: "2026-01-31T12:00:00.000000002Z" }))).toEqual([2, 3, 4]);
  expect(await all(setup.read({ until: "2026-01-31T13:00:00.000000002+01:00" }))).toEqual([1, 2]);
  expect(await all(setup.read({ until: "2026-01-31T12:00:00.000000003Z", last: "2" }))).toEqual([2, 3]);
});

test("with all that is kept, what follows, until an instant has passed", async () => {
  const setup = new Setup(8);
  setup.add(1, 2);
  const lines = setup.read({ follow: "true", all: "true", until: "2026-01-31T12:00:00.000000005Z" });
  expect(await take(lines, 2)).toEqual([1, 2]);
  addEvent(setup.ring, event({ sourcePort: 3, time: 6n }));
  expect(await all(lines)).toEqual([]);
});

test.each([
  [{ first: "1", last: "1" }, "first: it excludes last"],
  [{ first: "1", follow: "true" }, "first: it excludes follow"],
  [{ all: "true", last: "1" }, "all: it excludes last"],
])("%j exclude each other", async (text, words) => {
  await expect(all(new Setup(1).read(text))).rejects.toThrow(words);
});
