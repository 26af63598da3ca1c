import fc from "fast-check";
import { expect, test } from "vitest";
import { LineReader } from "#agent/proxy/lines.ts";

test("lines are the same however they are cut", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "ü", "\n", "🙂") });
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (text, cuts) => {
      const bytes = Buffer.from(text);
      const lines: string[] = [];
      const reader = new LineReader(1000, (line) => lines.push(line.toString()));
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
      for (const [index, place] of places.entries()) reader.push(bytes.subarray(place, places[index + 1] ?? place));
      expect(lines).toEqual(text.split("\n").slice(0, -1));
    }),
    { numRuns: 200 },
  );
});

test("a line that is too long is noticed before it has ended, and also in one piece", () => {
  const lines: string[] = [];
  const reader = new LineReader(4, (line) => lines.push(line.toString()));
  expect(reader.push(Buffer.from("1234\n12"))).toBe(true);
  expect(reader.push(Buffer.from("345"))).toBe(false);
  expect(new LineReader(4, () => {}).push(Buffer.from("12345\n"))).toBe(false);
  expect(lines).toEqual(["1234"]);
});
