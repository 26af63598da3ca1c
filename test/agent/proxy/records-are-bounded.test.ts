import { expect, test } from "vitest";
import { readRecordsLine } from "#agent/proxy/child-messages.ts";
import { RecordQueue } from "#agent/proxy/record-queue.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { SendingRecords } from "#agent/proxy/sending-records.ts";

function record(url: string): RequestRecord {
  return {
    time: "1",
    tuple: { protocol: "TCP", sourceAddress: "::1", sourcePort: 1, destinationAddress: "::2", destinationPort: 2 },
    source: { endpoint: 1, identity: 1 },
    destination: { endpoint: 2, identity: 2 },
    verdict: "forwarded",
    rules: [],
    deniedBy: null,
    kind: "request",
    latency: null,
    content: { family: "http", method: "GET", url, protocol: "HTTP/1.1", code: 0, headers: [] },
  };
}

test("a worker keeps the latest 4 MiB of records that its parent does not read, few large ones or many small ones", () => {
  for (const [count, url] of [
    [200, "x".repeat(60_000)],
    [20_000, "/"],
  ] as const) {
    const records = new SendingRecords();
    for (let i = 0; i < count; i++) records.add(record(`${url}${i}`));
    let taken = "";
    let told = 0;
    for (let line = records.take(); line !== null; line = records.take()) {
      const read = readRecordsLine(Buffer.from(line.trimEnd()));
      const texts = JSON.parse(`[${String(read?.texts)}]`) as RequestRecord[];
      expect(texts).toHaveLength(read?.count ?? 0);
      told += texts.length;
      taken += line;
    }
    expect(told + records.lost).toBe(count);
    expect(taken.length).toBeLessThan(4.2 * 1024 * 1024);
    // The latest are there.
    expect(taken.trimEnd()).toContain(`${url}${count - 1}"`);
    expect(taken.includes(`${url}0"`)).toBe(records.lost === 0);
  }
});

test("the parent drops the oldest of what no agent reads, and the next batch says how many", () => {
  const queue = new RecordQueue(10);
  queue.add(1, Buffer.from("1,1"));
  const first = queue.batch();
  expect(first).toMatchObject({ sequence: 1, lost: 0 });
  queue.add(2, Buffer.from("22222"));
  queue.add(3, Buffer.from("333"));
  queue.add(4, Buffer.from("44444"));
  expect(queue.lost).toBe(2);
  // The batch that is under way is kept, under its number, until it was read.
  expect(queue.batch()).toBe(first);
  expect(queue.read(2)).toBe(false);
  expect(queue.read(1)).toBe(true);
  const second = queue.batch();
  expect(second).toMatchObject({ sequence: 2, lost: 2 });
  expect(String(second?.texts)).toBe("333,44444");
  queue.read(2);
  expect(queue.batch()).toBe(null);
});

test("what is larger than the bound is dropped at once", () => {
  const queue = new RecordQueue(10);
  queue.add(7, Buffer.alloc(11));
  expect(queue.batch()).toBe(null);
  expect(queue.lost).toBe(7);
});
