import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Comparison, DiffThread } from "#agent/node/diff-thread.ts";

const told: unknown[] = [];
const listen = (error: unknown): void => void told.push(error);
let before: NodeJS.UncaughtExceptionListener[] = [];

beforeEach(() => {
  before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", listen);
});
afterEach(() => {
  process.removeListener("uncaughtException", listen);
  for (const listener of before) process.on("uncaughtException", listener);
});

test("a thread that fails when nobody waits for it any more fails nobody", async () => {
  // No objects are to be read of these: the thread ends with an error, as it does when its memory is used up.
  const broken = { before: null, candidate: { text: "", file: "c.yaml" } } as unknown as Comparison;
  const caller = new AbortController();
  const answer = new DiffThread().compare(broken, caller.signal);
  // The thread fails while this one is at other work; then the caller hangs up.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
  caller.abort(new Error("gone"));
  await expect(answer).rejects.toThrow("gone");
  await pause(100);
  expect(told).toEqual([]);
});
