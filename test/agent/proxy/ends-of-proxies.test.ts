import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("told to end, a proxy serves its connections to their end, takes no more, and tells of all requests", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(proxy);
  proxy.process.kill("SIGTERM");
  expect(await agent.next("draining")).toMatchObject({ successor: null });
  await until("the end of the listener", async () => !(await proxy.accepts()));
  const before = agent.of("records").flatMap(({ records }) => records).length;
  for (const [pid, client] of clients) {
    expect(await client.ask("GET ")).toBe(`${pid} first`);
    expect(await client.close()).toBe("end");
  }
  expect(await proxy.exited()).toBe(0);
  await until("the end of the control connection", () => agent.isClosed);
  expect(agent.of("records").flatMap(({ records }) => records).length).toBeGreaterThanOrEqual(before + 2);
  expect(existsSync(`${proxies.runDir}/proxy.sock`)).toBe(false);
});

test("connections that do not end are ended when the time is over", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start(["--workers", "1", "--drain-time", "1"]);
  const client = await proxy.connect();
  await until("the connection", () => !client.socket.connecting);
  proxy.process.kill("SIGTERM");
  expect(await client.close()).toBe("reset");
  expect(await proxy.exited()).toBe(0);
});

test("a second signal ends all connections", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start(["--workers", "1"]);
  const client = await proxy.connect();
  proxy.process.kill("SIGTERM");
  await until("the first signal's effect", () => proxy.lines().some(({ msg }) => msg.startsWith("the proxy takes no")));
  proxy.process.kill("SIGTERM");
  await client.close();
  expect(await proxy.exited()).toBe(0);
});

test("when the parent is killed its workers serve their connections on, take no more, and end with the last one", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(proxy);
  const workers = proxy.workers();
  proxy.process.kill("SIGKILL");
  await proxy.exited();
  await until("the end of the listener", async () => !(await proxy.accepts()));

  const next = await proxies.start();
  expect(next.port).not.toBe(0);
  for (const [pid, client] of clients) {
    expect(await client.ask("GET ")).toBe(`${pid} first`);
    await client.close();
  }
  await until("the end of the workers", () => workers.every((pid) => !existsSync(`/proc/${pid}/fd/0`)));
});
