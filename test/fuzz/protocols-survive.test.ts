import { expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { keptBytes } from "./corpus.ts";
import { fuzzTarget } from "./fuzz-target.ts";
import { protocolTargets, tryBytes } from "./protocols/try-bytes.ts";

const SEED = 1;
const INPUTS = sized({ short: 100, long: 5000 });

test.each([...protocolTargets])(
  "%s: good inputs, and kept ones, do no harm however they are cut",
  async (name, target) => {
    const random = new Random(SEED);
    for (const seed of [...target.seeds, ...keptBytes(name)]) {
      expect((await tryBytes(target, seed, random)).violation, seed.toString("latin1")).toBeNull();
    }
  },
);

test.each([...protocolTargets.keys()])(`%s: ${INPUTS} inputs from seed ${SEED} do no harm`, async (name) => {
  const target = fuzzTarget(name, SEED);
  for (let i = 0; i < INPUTS; i++) {
    const input = target.next();
    expect(await target.fault(input), `seed ${SEED}, input ${i}: ${JSON.stringify(input)}`).toBeNull();
  }
  expect(target.seen).toBeGreaterThan(1);
});
