import { expect, test } from "vitest";
import { Turns } from "#agent/api/turns.ts";

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** Begin and end of each of some pieces of work that are there at once. */
async function work(...lengths: readonly number[]): Promise<(readonly [number, number])[]> {
  const turns = new Turns();
  return Promise.all(
    lengths.map(async (length) => {
      await turns.next();
      const begun = performance.now();
      if (length > 0) Atomics.wait(nothing, 0, 0, length);
      return [begun, performance.now()] as const;
    }),
  );
}

test("after a long piece of work comes as much time for what waits for no turn", async () => {
  const [first, second] = await work(300, 0);
  expect((second?.[0] ?? 0) - (first?.[1] ?? 0)).toBeGreaterThan(250);
});

test("short pieces follow each other at once", async () => {
  const all = await work(...Array.from({ length: 50 }, () => 1));
  expect((all.at(-1)?.[1] ?? 0) - (all[0]?.[0] ?? 0)).toBeLessThan(1_500);
});
