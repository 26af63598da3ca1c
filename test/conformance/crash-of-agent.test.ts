import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { type CrashScene, expectComplete, expectRecovery } from "./attachment-state.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { type Calls, pickPoint, readCalls, Tracer } from "./crash-points.ts";
import { expectState, nodeState } from "./node-state.ts";
import { PluginError } from "./plugin-call.ts";
import type { AddResult } from "./result-schema.ts";

/** Of each verb. */
const rounds = sized({ short: 8, long: 250 });
const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

const node = useNode({ podCidr: "10.76.0.0/16,fd00:76::/64" });
const pods = usePods(node, ["client"]);

let scene: CrashScene;
/** System calls of the agent during a verb. */
const calls: Record<string, Calls> = {};

/** Runs something while the agent's system calls are written down. */
async function callsDuring(name: string, run: () => Promise<unknown>): Promise<Calls> {
  const file = join(node().folder, name);
  const tracer = await Tracer.attach(node(), ["-o", file]);
  try {
    await run();
  } finally {
    await tracer.detach();
  }
  return readCalls(file);
}

prepare(async () => {
  const runtime = runtimeOf(node());
  const container = makeContainer(node(), "client");
  await runtime.add(container);
  await runtime.delete(container);
  scene = { node: node(), runtime, client: pods.client, container, before: await nodeState(node()) };
  calls["ADD"] = await callsDuring("trace-ADD", () => runtime.add(container));
  calls["DEL"] = await callsDuring("trace-DEL", () => runtime.delete(container));
  await expectState(node(), scene.before, "the traced calls");
});

/** Runs a verb on an agent that is killed at a point of it, and started again at once, as its supervisor would. */
async function withCrash<T>(verb: string, run: () => Promise<T>): Promise<{ outcome: T | PluginError; what: string }> {
  const point = pickPoint(calls[verb] ?? new Map(), random);
  const tracer = await Tracer.killAt(node(), point);
  const done = run().catch((error: unknown) => {
    if (error instanceof PluginError) return error;
    throw error;
  });
  await Promise.race([done, tracer.ended]);
  // Where the point was not reached, the kill comes now. Also strace ends by it: told to end while a process dies, it would not.
  await Promise.all([node().agent.kill(), tracer.ended]);
  await node().startAgent();
  return { outcome: await done, what: `an agent killed at ${point.call} ${point.nth} of ${verb}` };
}

test(`kill -9 of the agent at ${rounds} points of ADD leaves the old state or the new, seed ${seed}`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const { outcome, what } = await withCrash<AddResult>("ADD", () => scene.runtime.add(scene.container));
    if (outcome instanceof PluginError) expect([what, outcome.error.code]).toEqual([what, 11]);
    else await expectComplete(scene, outcome);
    await expectRecovery(scene, what, round % 4 === 0);
  }
}, 3_600_000);

test(`kill -9 of the agent at ${rounds} points of DEL leaves the old state or the new, seed ${seed}`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    await scene.runtime.add(scene.container);
    const { outcome, what } = await withCrash<void>("DEL", () => scene.runtime.delete(scene.container));
    if (outcome instanceof PluginError) expect([what, outcome.error.code]).toEqual([what, 11]);
    else await expectState(node(), scene.before, what);
    await expectRecovery(scene, what, round % 4 === 0);
  }
}, 3_600_000);
