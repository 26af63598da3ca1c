import { expect, test, vi } from "vitest";
import { until } from "#agent/local/until.ts";
import { httpRule, RedirectScene } from "#test/support/redirect-scene.ts";

test("no proxy is started while no rule asks for it", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  await agent.told();
  agent.retain(new Set());
  expect(scene.starts).toEqual([]);
  expect(agent.state).toMatchObject({ state: "off", pid: null });
  expect([agent.problems, scene.routed]).toEqual([[], 0]);
});

test("the first rule that asks for it starts it, and is known to it before anything goes on", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  expect(scene.starts).toEqual([false]);
  expect(scene.routed).toBeGreaterThan(0);
  expect(scene.latest.updates).toMatchObject([
    { isWhole: true, added: [{ reference: 7, rules: [{ description: { rule: "ingress[1]" }, serverNames: [] }] }] },
  ]);
  expect(agent.state).toMatchObject({ state: "ok", pid: scene.latest.pid });
});

test("a proxy that runs is used, not another one started", async () => {
  await using scene = new RedirectScene();
  const proxy = await scene.proxy();
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  expect(scene.starts).toEqual([]);
  expect(proxy.updates).toHaveLength(1);
});

test("one that has gone is started anew, and told all", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  agent.name(8, [httpRule(2, "POST")]);
  await agent.told();
  const first = scene.latest;
  await scene.kill(first);
  await until("another proxy", () => scene.latest !== first && agent.state.state === "ok");
  expect(scene.latest.updates[0]?.added.map(({ reference }) => reference)).toEqual([7, 8]);
});

test("where it does not start, policy comes into force without it, and the problem says why", async () => {
  await using scene = new RedirectScene({ starts: false, patience: 50 });
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  await until("the reason", () => agent.problems[0]?.includes("exit code"));
  expect(agent.problems).toEqual([
    "the proxy does not run, so what rules ask it about is dropped: " +
      "start the proxy: it has ended with exit code 1; the end of proxy.log says more",
  ]);
});

test("one that does not show that it works is told of, as long as it does not", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  scene.silence = 60_000;
  // One that has just come has had no time yet.
  expect(agent.state.state).toBe("ok");
  const now = performance.now.bind(performance);
  using _later = vi.spyOn(performance, "now").mockImplementation(() => now() + 10_000);
  expect(agent.state.state).toBe("silent");
  expect(agent.problems).toEqual([
    expect.stringMatching(
      new RegExp(`^the proxy, process ${scene.latest.pid}, does not show that it works, so .* dropped`),
    ),
  ]);
  scene.silence = 100;
  expect([agent.state.state, agent.problems]).toEqual(["ok", []]);
});

test("the end of the agent leaves it running", async () => {
  await using scene = new RedirectScene();
  const agent = scene.agent();
  agent.name(7, [httpRule(1, "GET")]);
  await agent.told();
  await agent[Symbol.asyncDispose]();
  const next = scene.agent();
  next.name(7, [httpRule(1, "GET")]);
  await next.told();
  expect(next.state).toMatchObject({ state: "ok", pid: scene.latest.pid });
  expect(scene.starts).toEqual([false]);
});
