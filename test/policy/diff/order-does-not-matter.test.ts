import { expect, test } from "vitest";
import { diffPolicies } from "#policy/diff/diff.ts";
import { Random } from "#test/support/random.ts";
import { randomChange } from "./random-change.ts";

test("objects in any order: the same changes in the same order", () => {
  let changes = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const { before, after } = randomChange(seed, { flows: 0 });
    const diff = diffPolicies(before, after);
    changes += diff.changes.length;
    expect(diffPolicies(random.shuffle(before), random.shuffle(after)), `seed ${seed}`).toEqual(diff);
  }
  expect(changes).toBeGreaterThan(100);
});

test("the other way round: the same traffic, with its verdicts exchanged", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { before, after } = randomChange(seed, { flows: 0, controls: false });
    const texts = (from: typeof before, to: typeof before, isTurned: boolean): string[] =>
      diffPolicies(from, to)
        .changes.map(({ before, after, protocol, ports, traffic }) =>
          JSON.stringify([...(isTurned ? [after, before] : [before, after]), protocol, ports, traffic]),
        )
        .sort();
    expect(texts(after, before, true), `seed ${seed}`).toEqual(texts(before, after, false));
  }
});
