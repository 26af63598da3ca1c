import { expect, test } from "vitest";
import type { CaptureLine, CaptureQuery } from "#agent/api/capture-views.ts";
import type { CapturedPacket, CaptureTable } from "#agent/datapath/kernel-captures.ts";
import { until } from "#agent/local/until.ts";
import { Captures } from "#agent/node/captures.ts";
import { denial, FakeContext } from "#test/agent/flows/fixture.ts";

const query: CaptureQuery = { pod: [], reason: [], snaplen: 100 };
const dropped: CapturedPacket = { event: denial(), bytes: new Uint8Array(200) };

/** A table that captures what a test says. */
class FakeTable implements CaptureTable {
  readonly orders: number[] = [];
  lostSoFar = 0n;
  /** Who reads now. */
  reading = 0;
  #next = Promise.withResolvers<readonly CapturedPacket[]>();

  order(_until: bigint, snaplen: number): void {
    this.orders.push(snaplen);
  }
  stop(): void {
    this.orders.push(0);
  }
  lost(): bigint {
    return this.lostSoFar;
  }
  give(...packets: readonly CapturedPacket[]): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve(packets);
  }
  /** The next look at the ring fails. */
  break(): void {
    const { reject } = this.#next;
    this.#next = Promise.withResolvers();
    reject(new Error("no ring"));
  }
  async *read(signal: AbortSignal): AsyncGenerator<readonly CapturedPacket[]> {
    this.reading++;
    const over = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    try {
      while (!signal.aborted) {
        const packets = await Promise.race([this.#next.promise, over]);
        if (packets) yield packets;
      }
    } finally {
      this.reading--;
    }
  }
}

function make(): { table: FakeTable; captures: Captures; changes: boolean[] } {
  const table = new FakeTable();
  const changes: boolean[] = [];
  const captures = new Captures({
    table,
    flows: new FakeContext(),
    device: (ifindex) => (ifindex === 33 ? "weir3fa1" : null),
    now: () => 0n,
    changed: (isOn) => changes.push(isOn),
  });
  return { table, captures, changes };
}

/** A reader, with what it has read so far. */
function reading(captures: Captures, wanted: Partial<CaptureQuery> = {}) {
  const end = new AbortController();
  const lines: CaptureLine[] = [];
  const done = (async () => {
    for await (const some of captures.read({ ...query, ...wanted }, end.signal)) lines.push(...some);
  })();
  return { lines, done, stop: () => end.abort() };
}

const sizes = (lines: readonly CaptureLine[]) =>
  lines.map((line) => ("data" in line ? Buffer.from(line.data, "base64").length : line));

test("every reader gets what it asked for, of one reading of the ring", async () => {
  const { table, captures } = make();
  const all = reading(captures);
  const long = reading(captures, { snaplen: 1600 });
  const others = [reading(captures, { pod: ["shop/nobody"] }), reading(captures, { reason: ["POLICY_DENY"] })];
  await until("the ring to be read", () => table.reading === 1);
  table.give(dropped);
  await until("the packet", () => all.lines.length === 1 && long.lines.length === 1);
  expect([sizes(all.lines), sizes(long.lines)]).toEqual([[100], [200]]);
  expect(all.lines[0]).toMatchObject({ way: "in", flow: { drop_reason_desc: "POLICY_DENIED" } });
  expect(others.map(({ lines }) => lines)).toEqual([[], []]);
  expect(table.orders.at(-1)).toBe(1600);
  long.stop();
  await long.done;
  expect(table.orders.at(-1)).toBe(100);
  for (const one of [all, ...others]) one.stop();
});

test("the datapath captures from the first reader to the last, however quickly they follow each other", async () => {
  const { table, captures, changes } = make();
  const first = reading(captures);
  await until("the ring to be read", () => table.reading === 1);
  first.stop();
  await first.done;
  const second = reading(captures);
  await until("the ring to be read again", () => changes.length === 3 && table.reading === 1);
  table.give(dropped);
  await until("the packet", () => second.lines.length === 1);
  second.stop();
  await second.done;
  await until("the end", () => changes.length === 4);
  expect(changes).toEqual([true, false, true, false]);
  expect([table.orders.at(-1), table.reading, captures.readers]).toEqual([0, 0, 0]);
});

test("all hear how many packets found no room", async () => {
  const { table, captures } = make();
  table.lostSoFar = 40n;
  const readers = [reading(captures), reading(captures, { pod: ["shop/nobody"] })];
  await until("the ring to be read", () => table.reading === 1);
  table.lostSoFar = 47n;
  table.give();
  await until("the loss", () => readers.every(({ lines }) => lines.length === 1));
  expect(readers.map(({ lines }) => lines)).toEqual([[{ lost_packets: 7 }], [{ lost_packets: 7 }]]);
  for (const one of readers) one.stop();
});

test("a ring that cannot be read is every reader's failure, and the next one begins anew", async () => {
  const { table, captures } = make();
  const first = reading(captures);
  await until("the ring to be read", () => table.reading === 1);
  table.break();
  await expect(first.done).rejects.toThrow("no ring");
  const second = reading(captures);
  await until("the ring to be read again", () => table.reading === 1);
  table.give(dropped);
  await until("the packet", () => second.lines.length === 1);
  second.stop();
});

test("a reason that there is not is refused at once", () => {
  const { captures } = make();
  expect(() => captures.read({ ...query, reason: ["NONSENSE"] }, AbortSignal.abort())).toThrow(
    /^capture packets: NONSENSE is none of BANDWIDTH, /,
  );
});
