import { afterEach, expect, test, vi } from "vitest";
import { WallClock } from "#agent/proxy/wall-clock.ts";

afterEach(() => vi.restoreAllMocks());

test("times are those of day, in order, to the microsecond", () => {
  const clock = new WallClock();
  const [from, now] = [Date.now(), performance.now()];
  const [one, other] = [clock.nanoseconds(now), clock.nanoseconds(now + 0.25)];
  expect(one).toMatch(/^\d{16}000$/);
  expect(Math.abs(Number(one) / 1e6 - from)).toBeLessThan(1000);
  expect([249_000n, 250_000n, 251_000n]).toContain(BigInt(other) - BigInt(one));
});

test("a clock that is set is followed with the next second", () => {
  const clock = new WallClock();
  const now = performance.now();
  const before = BigInt(clock.nanoseconds(now));
  const real = Date.now();
  vi.spyOn(Date, "now").mockReturnValue(real + 3_600_000 + 1000);
  const passed = BigInt(clock.nanoseconds(now + 1000)) - before;
  expect(Number(passed / 1_000_000_000n)).toBeGreaterThanOrEqual(3600);
});
