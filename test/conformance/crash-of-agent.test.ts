import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { type Calls, pickPoint, readCalls, Tracer } from "./crash-points.ts";
import { CrashScene, type NetworkName } from "./crash-scene.ts";

const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

/** Points of ADD and of DEL each. */
const networks: Record<NetworkName, number> = {
  "with the agent's addresses": sized({ short: 6, long: 150 }),
  "with another plugin's addresses": sized({ short: 1, long: 50 }),
  "behind a bridge": sized({ short: 1, long: 50 }),
};

const node = useNode({ podCidr: "10.76.0.0/16,fd00:76::/64" });

describe.each(Object.entries(networks) as [NetworkName, number][])(`the agent, %s, seed ${seed}`, (network, rounds) => {
  let scene: CrashScene;
  /** System calls of the agent during a verb. */
  const calls: Record<string, Calls> = {};

  async function trace(verb: string, run: () => Promise<unknown>): Promise<void> {
    const file = join(node().folder, "trace");
    const tracer = await Tracer.attach(node(), ["-o", file]);
    try {
      await run();
    } finally {
      await tracer.detach();
    }
    calls[verb] = readCalls(file);
  }

  prepare(async () => {
    scene = await CrashScene.make(node(), network);
    const { runtime, container } = scene;
    await trace("ADD", () => runtime.add(container));
    await trace("DEL", () => runtime.delete(container));
    await scene.expectNothing("the traced calls");
  });

  /** Runs a verb on an agent that is killed at a point of it, and started again at once, as its supervisor would. */
  async function withCrash<T>(verb: string, run: () => Promise<T>): Promise<{ outcome: T; what: string }> {
    const point = pickPoint(calls[verb] ?? new Map(), random);
    const tracer = await Tracer.killAt(node(), point);
    const done = run();
    await Promise.race([done, tracer.ended]);
    // Where the point was not reached, the kill comes now. Also strace ends by it: told to end while a process dies, it would not.
    await Promise.all([node().agent.kill(), tracer.ended]);
    await node().startAgent();
    return { outcome: await done, what: `an agent killed at ${point.call} ${point.nth} of ${verb}` };
  }

  test(`kill -9 at ${rounds} points of ADD: it succeeds, as the agent is back in time`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { outcome, what } = await withCrash("ADD", () => scene.add());
      if (outcome instanceof Error) expect([what, outcome.message]).toEqual([what, "no failure"]);
      else await scene.expectComplete(outcome);
      await scene.expectRecovery(what, round % 4 === 0);
    }
  }, 3_600_000);

  test(`kill -9 at ${rounds} points of DEL: it succeeds, and nothing is left when the agent is back`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      await scene.runtime.add(scene.container);
      const { outcome, what } = await withCrash("DEL", () => scene.delete());
      expect([what, outcome]).toEqual([what, undefined]);
      await scene.expectNothing(what);
      await scene.expectRecovery(what, round % 4 === 0);
    }
  }, 3_600_000);
});
