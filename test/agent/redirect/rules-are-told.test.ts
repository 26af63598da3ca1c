import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import type { Redirect } from "#agent/redirect/redirect.ts";
import { httpRule, RedirectScene } from "#test/support/redirect-scene.ts";

const [get, post] = [httpRule(1, "GET"), httpRule(2, "POST")];

/** Whether a promise is settled after all that was ready to run has run. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

/** An agent that knows the proxy already. */
async function connected(scene: RedirectScene): Promise<Redirect> {
  const agent = scene.agent();
  agent.name(7, [get]);
  await agent.told();
  return agent;
}

test("a change waits until the proxy has its rules", async () => {
  await using scene = new RedirectScene();
  const agent = await connected(scene);
  scene.latest.isPrompt = false;
  agent.name(8, [post]);
  const told = agent.told();
  await until("the update", () => scene.latest.updates.length === 2);
  expect(await isSettled(told)).toBe(false);
  scene.latest.acknowledge();
  await told;
  expect(agent.state.state).toBe("ok");
});

test("it is told of what is new alone, and not again of what it knows", async () => {
  await using scene = new RedirectScene();
  const agent = await connected(scene);
  agent.name(7, [get]);
  agent.name(8, [post]);
  await agent.told();
  await agent.told();
  const [, second] = scene.latest.updates;
  expect(scene.latest.updates).toHaveLength(2);
  expect(second).toMatchObject({ isWhole: false, added: [{ reference: 8 }], removed: [] });
});

test("rules without a part for the proxy are not told", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  agent.name(7, [{ ...get, action: "allow", l7: null }, post]);
  await agent.told();
  expect(scene.latest.updates[0]?.added[0]?.rules.map(({ description }) => description.rule)).toEqual(["ingress[2]"]);
});

test("what no entry has any more is forgotten", async () => {
  await using scene = new RedirectScene();
  const agent = await connected(scene);
  agent.retain(new Set([7]));
  agent.name(8, [post]);
  await agent.told();
  agent.retain(new Set([8]));
  await until("the removal", () => scene.latest.updates.at(-1)?.removed.length === 1);
  expect(scene.latest.updates.at(-1)).toMatchObject({ isWhole: false, added: [], removed: [7] });
});

test("what an earlier agent has told stays until the policy in force is the new one's", async () => {
  await using scene = new RedirectScene();
  const proxy = await scene.proxy({ version: 57 });
  const agent = scene.agent();
  agent.name(7, [get]);
  await agent.told();
  expect(proxy.updates).toMatchObject([{ version: 58, isWhole: false, added: [{ reference: 7 }] }]);
  agent.retain(new Set([7]));
  await until("the whole", () => proxy.updates.length === 2);
  expect(proxy.updates[1]).toMatchObject({ version: 59, isWhole: true, added: [{ reference: 7 }] });
});

test("a proxy that does not follow is told the whole", async () => {
  await using scene = new RedirectScene();
  const agent = await connected(scene);
  scene.latest.rules.apply({ version: 90, isWhole: true, added: [], removed: [] });
  agent.name(8, [post]);
  await agent.told();
  expect(scene.latest.updates.at(-1)).toMatchObject({ isWhole: true, added: [{ reference: 7 }, { reference: 8 }] });
});

test("a proxy that does not answer holds a change up for a while only, and is a problem until it answers", async () => {
  await using scene = new RedirectScene({ patience: 100 });
  const agent = await connected(scene);
  scene.latest.isPrompt = false;
  agent.name(8, [post]);
  await agent.told();
  expect(agent.state).toMatchObject({ state: "outdated", version: 1, wanted: 2 });
  expect(agent.problems).toEqual(["the proxy has not taken the rules of version 2, but has those of 1"]);
  scene.latest.acknowledge();
  await until("it to answer", () => agent.state.state === "ok");
  expect(agent.problems).toEqual([]);
});

test("who asks while nothing is new costs nothing: nobody looks for proxies or routes because of it", async () => {
  await using scene = new RedirectScene();
  const agent = await connected(scene);
  const before = scene.routed;
  for (let times = 0; times < 100; times++) {
    agent.name(7, [get]);
    await agent.told();
    await delay(1);
  }
  expect(scene.routed).toBeLessThan(before + 10);
});
