import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { type Client, TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("a worker that is killed takes its own connections, and another one, with all rules, takes its place", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(proxy);
  const [[victim, lost], [survivor, kept]] = [...clients] as [[number, Client], [number, Client]];

  process.kill(victim, "SIGKILL");
  await lost.end();
  expect(await kept.ask("GET ")).toBe(`${survivor} first`);
  await until("another worker", () => proxy.workers().length === 2 && !proxy.workers().includes(victim));
  const after = await connectToAll(proxy);
  expect([...after.keys()].toSorted()).toEqual(proxy.workers().toSorted());
  await agent.tell(ruleUpdate(2, { 1: "second" }));
  for (const [pid, client] of after) expect(await client.ask("GET ")).toBe(`${pid} second`);
  await agent.next("counts", ({ counts }) => counts.replaced === 1 && counts.workers === 2);
});
