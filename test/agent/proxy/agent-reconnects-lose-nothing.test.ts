import { expect, test } from "vitest";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("over 20 agents that come and go in the midst of it no record is lost, and no connection", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using client = await proxy.connect();
  let asked = 0;
  /** By the number of the batch: what is told again counts once. */
  const told = new Map<number, number>();
  const hear = (agent: ControlClient): void => {
    for (const { sequence, lost, records } of agent.of("records")) {
      expect(lost).toBe(0);
      told.set(sequence, records.length);
    }
  };
  for (let round = 0; round < 20; round++) {
    using agent = await ControlClient.open(proxies.runDir);
    // Every other one dies without having said what it has read.
    agent.isReading = round % 2 === 0;
    if (round === 0) await agent.tell(ruleUpdate(1, { 1: "first" }, true));
    expect(await agent.next("hello")).toMatchObject({ pid: proxy.pid, version: 1 - Number(round === 0) });
    agent.say({ type: "attach" });
    for (let i = 0; i < 5; i++, asked++) expect(await client.ask("GET ")).toMatch(/ first$/);
    await agent.next("records");
    hear(agent);
  }
  using last = await ControlClient.open(proxies.runDir);
  last.say({ type: "attach" });
  await expect
    .poll(() => {
      hear(last);
      return [...told.values()].reduce((sum, count) => sum + count, 0);
    })
    .toBe(asked);
});
