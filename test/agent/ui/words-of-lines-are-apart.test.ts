import { expect, test } from "vitest";
import { freePlace, lineBetween, type Point } from "#agent/ui/page/map-lines.ts";

const place = (column: number, row: number) => ({ column, row });

test("lines that cross have their words in different places, as long as there is room", () => {
  const [a, b, c, d] = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)];
  const taken: Point[] = [];
  for (const [from, to, outcome] of [
    [a, c, "allowed"],
    [a, c, "denied"],
    [b, d, "allowed"],
    [a, d, "allowed"],
  ] as const) {
    taken.push(freePlace(lineBetween(from, to, outcome).words, taken));
  }
  const pairs = taken.flatMap((one, i) => taken.slice(i + 1).map((other) => [one, other] as const));
  const isNear = ([one, other]: (typeof pairs)[number]): boolean =>
    Math.abs(one.x - other.x) < 60 && Math.abs(one.y - other.y) < 22;
  expect(pairs.filter(isNear)).toEqual([]);
});

test("a line that passes a column goes below its boxes", () => {
  const { path, words } = lineBetween(place(0, 0), place(2, 0), "denied");
  expect(path).toMatch(/^M188 53C/);
  expect(words[0].y).toBeGreaterThan(70);
});

test.each(["allowed", "denied", "audited"] as const)("a line to oneself is seen: %s", (outcome) => {
  const { path, words } = lineBetween(place(1, 1), place(1, 1), outcome);
  expect(path).toMatch(/^M\d+ \d+C[\d. ]+$/);
  expect(words[0].x).toBeGreaterThan(502 + 30);
});
