import { expect, test } from "vitest";
import { instant } from "#agent/cli/instant.ts";

const now = Date.parse("2026-01-31T12:00:00Z");

test.each([
  ["90s", "2026-01-31T11:58:30.000Z"],
  ["1h30m", "2026-01-31T10:30:00.000Z"],
  ["2d", "2026-01-29T12:00:00.000Z"],
  ["2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00.000Z"],
  ["2026-01-31T12:00:00.123456789+01:00", "2026-01-31T11:00:00.123456789Z"],
  ["2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"],
])("%s is %s", (text, expected) => {
  expect(instant(text, now)).toBe(expected);
});

test.each(["", "5", "5 m", "yesterday", "2026-01-31", "2026-13-31T12:00:00Z"])("%j is none", (text) => {
  expect(() => instant(text, now)).toThrow(/neither a duration/);
});
