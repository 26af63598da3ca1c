import { beforeEach, expect, test } from "vitest";
import { PerCpuMap, RingBuffer, u32, u64 } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { TestObject } from "./test-object.ts";

beforeEach(needs("root"));

/** `struct record` of the fixture. */
const decode = (view: DataView, offset: number, size: number) => ({
  size,
  sequence: Number(view.getBigUint64(offset, true)),
  length: view.getUint32(offset + 8, true),
  mark: view.getUint32(offset + 12, true),
});

/** A ring of 4,096 bytes has room for so many records of 16 bytes and their headers. */
const capacity = 4096 / 24;

test("records come in order, discarded ones do not", () => {
  using object = new TestObject();
  using handle = object.map("events");
  using ring = new RingBuffer(handle);
  expect(ring.drain(decode)).toEqual([]);
  object.run("emit", { length: 100, mark: 1 });
  object.run("emit", { mark: 0xdead });
  object.run("emit", { length: 200, mark: 2 });
  expect(ring.drain(decode)).toEqual([
    { size: 16, sequence: 0, length: 100, mark: 1 },
    { size: 16, sequence: 2, length: 200, mark: 2 },
  ]);
  expect(ring.drain(decode)).toEqual([]);
});

test("a record at the ring's end is in one piece", () => {
  using object = new TestObject();
  using handle = object.map("events");
  using ring = new RingBuffer(handle);
  const sequences: number[] = [];
  for (let round = 0; round < 20; round++) {
    object.run("emit", { repeat: 50 });
    sequences.push(...ring.drain(decode).map(({ sequence }) => sequence));
  }
  expect(sequences).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test("what finds the ring full is counted by the program, and what was in it is not lost", () => {
  using object = new TestObject();
  using handle = object.map("events");
  using lostHandle = object.map("lost");
  using ring = new RingBuffer(handle);
  const lost = new PerCpuMap(lostHandle, u32, u64);
  object.run("emit", { repeat: 1000 });
  const records = ring.drain(decode);
  expect(records.length).toBe(Math.floor(capacity));
  expect((lost.get(0) ?? []).reduce((sum, value) => sum + value, 0n)).toBe(BigInt(1000 - records.length));
});

test("a reader is woken by a record, and ended by its signal while it waits", async () => {
  using object = new TestObject();
  using handle = object.map("events");
  using ring = new RingBuffer(handle);
  const controller = new AbortController();
  const read = ring.read(decode, controller.signal);
  const first = read.next();
  // The reader waits by now: the record must wake it.
  setImmediate(() => void object.run("emit", { mark: 5 }));
  expect(await first).toMatchObject({ done: false, value: [{ mark: 5 }] });
  const second = read.next();
  setImmediate(() => controller.abort());
  expect(await second).toEqual({ done: true, value: undefined });
});

test("a reader takes all of many records, in batches", async () => {
  using object = new TestObject();
  using handle = object.map("events");
  using ring = new RingBuffer(handle);
  const controller = new AbortController();
  const sequences: number[] = [];
  object.run("emit", { repeat: 100 });
  for await (const batch of ring.read(decode, controller.signal)) {
    expect(batch.length).toBeGreaterThan(0);
    sequences.push(...batch.map(({ sequence }) => sequence));
    if (sequences.length === 5000) controller.abort();
    else if (sequences.length % 100 === 0) object.run("emit", { repeat: 100 });
  }
  expect(sequences).toEqual(Array.from({ length: 5000 }, (_, i) => i));
});

test("a closed ring refuses to be read", () => {
  using object = new TestObject();
  using handle = object.map("events");
  const ring = new RingBuffer(handle);
  ring[Symbol.dispose]();
  ring[Symbol.dispose]();
  expect(() => ring.drain(decode)).toThrow(expect.objectContaining({ code: "closed" }));
});

test("a map that is no ring buffer is refused", () => {
  using object = new TestObject();
  using handle = object.map("pairs");
  expect(() => new RingBuffer(handle)).toThrow(/map pairs is no ring buffer/);
});
