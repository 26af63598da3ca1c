import { expect, test } from "vitest";
import { Backoff, retry } from "#agent/runtime/backoff.ts";
import { formatTime, sleep, SystemClock } from "#agent/runtime/clock.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

test("boot time becomes wall time, and a step of the wall clock is followed within a second", () => {
  let boot = 5_000_000_000n;
  let offset = 1_700_000_000_000_000_000n;
  const clock = new SystemClock({ boot: () => boot, real: () => boot + offset });
  expect(clock.wallNanoseconds(1n)).toBe(offset + 1n);
  offset += 3_600_000_000_000n;
  boot += 1_000_000_001n;
  expect(clock.wallNanoseconds(1n)).toBe(offset + 1n);
});

test("times are written with nanoseconds", () => {
  expect(formatTime(1_700_000_000_000_000_007n)).toBe("2023-11-14T22:13:20.000000007Z");
});

test("a wait ends when its signal is aborted, and leaves no timer", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const waiting = sleep(clock, 1000, stop.signal);
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
  expect(clock.pending).toBe(0);
});

test("waits between attempts grow to a bound, and start anew after success", () => {
  const backoff = new Backoff({ first: 100, most: 350, random: () => 0.5 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([50, 100, 175, 175]);
  backoff.reset();
  expect(backoff.next()).toBe(50);
});

test("a task is repeated until it succeeds", async () => {
  const clock = new FakeClock();
  let attempts = 0;
  const done = retry(
    async () => {
      if (++attempts < 3) throw new Error("not yet");
      return attempts;
    },
    {
      clock,
      signal: new AbortController().signal,
      // Once the wait has begun, it is over.
      failed: (_error, wait) => queueMicrotask(() => clock.advance(Math.ceil(wait))),
    },
  );
  expect(await done).toBe(3);
});
