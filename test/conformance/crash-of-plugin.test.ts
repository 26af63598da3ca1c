import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { type Calls, killedAt, pickPoint, readCalls, traced } from "./crash-points.ts";
import { CrashScene, type NetworkName } from "./crash-scene.ts";

const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

/** Points of ADD and of DEL each. */
const networks: Record<NetworkName, number> = {
  "with the agent's addresses": sized({ short: 8, long: 150 }),
  "with another plugin's addresses": sized({ short: 2, long: 50 }),
  "behind a bridge": sized({ short: 2, long: 50 }),
};

const node = useNode({ podCidr: "10.76.0.0/16,fd00:76::/64" });

describe.each(Object.entries(networks) as [NetworkName, number][])(
  `the plugin, %s, seed ${seed}`,
  (network, rounds) => {
    let scene: CrashScene;
    /** System calls of the plugin, and of those that it runs. */
    const calls: Record<string, Calls> = {};

    /** Runs something with our plugin, at this verb, behind a command. */
    async function wrapped<T>(verb: string, wrap: readonly string[], run: () => Promise<T>): Promise<T> {
      scene.runtime.wrap = (each, type) => (each === verb && type === "weir-cni" ? wrap : []);
      try {
        return await run();
      } finally {
        scene.runtime.wrap = () => [];
      }
    }

    async function trace(name: string, verb: string, run: () => Promise<unknown>): Promise<void> {
      const file = join(node().folder, "trace");
      await wrapped(verb, traced(file), run);
      calls[name] = readCalls(file);
    }

    prepare(async () => {
      scene = await CrashScene.make(node(), network);
      const { runtime, container } = scene;
      await trace("ADD", "ADD", () => runtime.add(container));
      await trace("DEL", "DEL", () => runtime.delete(container));
      await runtime.add(container);
      await node().agent.kill();
      await trace("DEL without agent", "DEL", () => runtime.delete(container));
      await node().startAgent();
      await scene.expectNothing("the traced calls");
    });

    const pointOf = (name: string) => pickPoint(calls[name] ?? new Map(), random);

    test(`kill -9 at ${rounds} points of ADD leaves the old state or the new`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const point = pointOf("ADD");
        const added = await wrapped("ADD", killedAt(point), () => scene.add());
        if (!(added instanceof Error)) await scene.expectComplete(added);
        await scene.expectRecovery(`a plugin killed at ${point.call} ${point.nth} of ADD`, round % 4 === 0);
      }
    }, 3_600_000);

    test(`kill -9 at ${rounds} points of DEL leaves the old state or the new`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        await scene.runtime.add(scene.container);
        const point = pointOf("DEL");
        await wrapped("DEL", killedAt(point), () => scene.delete());
        await scene.expectRecovery(`a plugin killed at ${point.call} ${point.nth} of DEL`, round % 4 === 0);
      }
    }, 3_600_000);

    test("kill -9 at points of a DEL without an agent is made good by the next DEL, and the agent", async () => {
      for (let round = 0; round < Math.ceil(rounds / 4); round += 1) {
        await scene.runtime.add(scene.container);
        await node().agent.kill();
        const point = pointOf("DEL without agent");
        await wrapped("DEL", killedAt(point), () => scene.delete());
        await scene.runtime.delete(scene.container);
        await node().startAgent();
        await scene.expectNothing(`a plugin killed at ${point.call} ${point.nth} of DEL without an agent`);
      }
      expect(await scene.node.client.endpoints()).not.toEqual([]);
    }, 3_600_000);
  },
);
