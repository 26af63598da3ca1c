import { expect, test } from "vitest";
import { compareFindings } from "#policy/lint/finding.ts";
import { lint } from "#policy/lint/lint.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { Random } from "#test/support/random.ts";

const CLUSTERS = 150;
const FIRST_SEED = 90_000;

test("lint never throws, and the order of objects does not matter", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CLUSTERS; seed++) {
    const { objects } = randomCluster(seed, { flows: 0 });
    const found = lint(objects, { at: 1500 });
    expect(lint(new Random(seed).shuffle(objects), { at: 1500 }), `seed ${seed}`).toEqual(found);
    expect(found.toSorted(compareFindings)).toEqual(found);
  }
});

test("nothing is found where nothing is", () => {
  expect(lint([])).toEqual([]);
});
