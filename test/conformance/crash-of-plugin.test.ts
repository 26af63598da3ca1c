import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { type CrashScene, expectComplete, expectRecovery } from "./attachment-state.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { type Calls, killedAt, pickPoint, readCalls, traced } from "./crash-points.ts";
import { nodeState, expectState } from "./node-state.ts";
import { readResult } from "./result-schema.ts";

/** Of each verb. */
const rounds = sized({ short: 8, long: 200 });
const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

const node = useNode({ podCidr: "10.76.0.0/16,fd00:76::/64" });
const pods = usePods(node, ["client"]);

let scene: CrashScene;
/** System calls of the plugin, by verb. */
const calls: Record<string, Calls> = {};

const call = async (verb: string, wrap: readonly string[]) => {
  const { runtime, container } = scene;
  return runtime.call(verb, "weir-cni", runtime.variables(container), runtime.config(container), wrap);
};

prepare(async () => {
  const runtime = runtimeOf(node());
  const container = makeContainer(node(), "client");
  await runtime.add(container);
  await runtime.delete(container);
  scene = { node: node(), runtime, client: pods.client, container, before: await nodeState(node()) };
  for (const verb of ["ADD", "DEL"]) {
    const file = join(node().folder, `trace-${verb}`);
    expect((await call(verb, traced(file))).exitCode).toBe(0);
    calls[verb] = readCalls(file);
  }
  await node().agent.stop();
  const file = join(node().folder, "trace-DEL-away");
  expect((await call("DEL", traced(file))).exitCode).toBe(0);
  calls["DEL without agent"] = readCalls(file);
  await node().startAgent();
  await expectState(node(), scene.before, "the traced calls");
});

const pointOf = (what: string) => pickPoint(calls[what] ?? new Map(), random);

test(`kill -9 of the plugin at ${rounds} points of ADD leaves the old state or the new, seed ${seed}`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const point = pointOf("ADD");
    const reply = await call("ADD", killedAt(point));
    if (!reply.killed) {
      expect(reply.error).toBeNull();
      await expectComplete(scene, readResult("1.1.0", reply.output));
    }
    await expectRecovery(scene, `a plugin killed at ${point.call} ${point.nth} of ADD`, round % 4 === 0);
  }
}, 3_600_000);

test(`kill -9 of the plugin at ${rounds} points of DEL leaves the old state or the new, seed ${seed}`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    await scene.runtime.add(scene.container);
    const point = pointOf("DEL");
    await call("DEL", killedAt(point));
    await expectRecovery(scene, `a plugin killed at ${point.call} ${point.nth} of DEL`, round % 4 === 0);
  }
}, 3_600_000);

test(`kill -9 of the plugin at points of a DEL without an agent is made good by the next DEL, seed ${seed}`, async () => {
  const { runtime } = scene;
  for (let round = 0; round < Math.ceil(rounds / 4); round += 1) {
    await runtime.add(scene.container);
    await node().agent.kill();
    const point = pointOf("DEL without agent");
    await call("DEL", killedAt(point));
    await runtime.delete(scene.container);
    await node().startAgent();
    await expectRecovery(scene, `a plugin killed at ${point.call} ${point.nth} of DEL without an agent`, true);
  }
}, 3_600_000);
