import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { httpRule, RedirectScene } from "#test/support/redirect-scene.ts";

test("a proxy of another build is replaced, also when no rule asks for it any more", async () => {
  await using scene = new RedirectScene();
  await scene.proxy({ build: "earlier" });
  const agent = scene.agent();
  await until("the next proxy", () => agent.state.pid === scene.latest.pid && agent.state.build === "own");
  expect(scene.starts).toEqual([true]);
});

test("while the earlier one has connections, both know the rules", async () => {
  await using scene = new RedirectScene();
  const earlier = await scene.proxy({ build: "earlier" });
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  await until("the next proxy", () => agent.state.build === "own");
  earlier.say({ type: "draining", successor: scene.latest.pid });
  await until("the earlier one to drain", () => agent.state.draining === 1);
  agent.name(8, [httpRule(2, "POST")]);
  await agent.told();
  const knows = scene.proxies.map(({ updates }) => updates.flatMap(({ added }) => added).at(-1)?.reference);
  expect(knows).toEqual([8, 8]);
  await scene.kill(earlier);
  await until("its end", () => agent.state.draining === 0);
  expect(agent.state.state).toBe("ok");
});

test("one that is not understood is replaced as well", async () => {
  await using scene = new RedirectScene();
  await scene.proxy({ pid: 900, version: -1 });
  const agent = scene.agent();
  await until("the next proxy", () => agent.state.state === "ok");
  expect(scene.starts).toEqual([true]);
});

test("one that does not understand the agent is asked once, and then replaced", async () => {
  await using scene = new RedirectScene();
  const deaf = await scene.proxy();
  deaf.isDeaf = true;
  const agent = scene.agent();
  await until("the next proxy", () => agent.state.state === "ok" && agent.state.pid !== deaf.pid);
  expect([scene.starts, deaf.connections]).toEqual([[true], 1]);
});
