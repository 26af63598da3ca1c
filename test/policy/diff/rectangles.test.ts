import { expect, test } from "vitest";
import { rectangles } from "#policy/diff/rectangles.ts";
import { Random } from "#test/support/random.ts";

/** Pairs as `row:columns`. */
function cover(...lines: string[]): string[] {
  const pairs = new Map(lines.map((line) => [line[0] ?? "", new Set(line.slice(2))]));
  return rectangles(pairs, () => undefined).map(({ rows, columns }) => `${rows.join("")}:${columns.join("")}`);
}

test("rows with the same columns are one", () => {
  expect(cover("a:xy", "b:xy", "c:x")).toEqual(["ab:xy", "c:x"]);
});

test("or columns with the same rows, where those are fewer", () => {
  expect(cover("a:xy", "b:xyz", "c:z")).toEqual(["ab:xy", "bc:z"]);
});

test("what has no traffic with itself is no hole", () => {
  const pairs = new Map(["a", "b", "c"].map((row) => [row, new Set(["a", "b", "c"].filter((one) => one !== row))]));
  expect(rectangles(pairs, (row) => row)).toEqual([
    { rows: ["a", "b", "c"], columns: expect.arrayContaining(["a", "b", "c"]) },
  ]);
});

test("every pair is in exactly one rectangle, and nothing else is in any", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = new Random(seed);
    const size = random.integer(1, 6);
    const isPair = Array.from({ length: size }, (_, i) =>
      Array.from({ length: size }, (_, j) => i !== j && random.chance(0.6)),
    );
    const pairs = new Map(
      isPair.flatMap((row, i) => {
        const columns = row.flatMap((one, j) => (one ? [j] : []));
        return columns.length > 0 ? [[i, new Set(columns)] as const] : [];
      }),
    );
    const counts = isPair.map((row) => row.map(() => 0));
    for (const { rows, columns } of rectangles(pairs, (row) => row)) {
      for (const i of rows) for (const j of columns) (counts[i] as number[])[j] = (counts[i]?.[j] ?? 0) + 1;
    }
    for (const [i, row] of isPair.entries()) {
      for (const [j, one] of row.entries()) {
        const expected = one ? [1] : i === j ? [0, 1] : [0];
        expect(expected, `seed ${seed}: ${i} ${j}`).toContain(counts[i]?.[j]);
      }
    }
  }
});
