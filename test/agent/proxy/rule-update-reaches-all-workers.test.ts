import { expect, test } from "vitest";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("an update of rules is acknowledged when every worker has it, and reaches the next request of open connections", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  expect(await agent.next("hello")).toMatchObject({ pid: proxy.pid, version: 0, isDraining: false });
  agent.say({ type: "rules", update: ruleUpdate(2, { 1: "unknown" }) });
  expect(await agent.next("refused")).toMatchObject({ version: 2, has: 0 });

  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(proxy);
  await agent.tell(ruleUpdate(2, { 1: "second" }));
  for (const [pid, client] of clients) expect(await client.ask("GET ")).toBe(`${pid} second`);
  agent.say({ type: "rules", update: ruleUpdate(4, { 1: "fourth" }) });
  expect(await agent.next("refused", ({ version }) => version === 4)).toMatchObject({ has: 2 });
});
