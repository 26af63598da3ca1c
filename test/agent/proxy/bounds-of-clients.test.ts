import { expect, test } from "vitest";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { type Client, TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("a client has as many connections as it may have; one more is closed at once, and counted; another client is not touched", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start(["--workers", "1", "--connections-per-client", "5"]);
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await Promise.all(Array.from({ length: 5 }, () => proxy.connect()));
  for (const client of clients) expect(await client.ask("GET ")).toMatch(/ first$/);
  for (let i = 0; i < 3; i++) expect(await (await proxy.connect()).close()).toBe("reset");
  await agent.next("counts", ({ counts }) => counts.refused === 3 && counts.open === 5);

  const { source, destination } = judgement([1]);
  proxies.world = { judgement: { source: { ...source, endpoint: 8 }, destination }, tuple: {} };
  using other = await proxy.connect();
  expect(await other.ask("GET ")).toMatch(/ first$/);

  clients[0]?.socket.end();
  await clients[0]?.close();
  proxies.world = { judgement: judgement([1]), tuple: {} };
  await agent.next("counts", ({ counts }) => counts.open === 5 && counts.accepted === 9);
  using again = await proxy.connect();
  expect(await again.ask("GET ")).toMatch(/ first$/);
});

test("a connection that the datapath does not know is closed at once", async () => {
  await using proxies = new TestProxies({ judgement: null, tuple: {} });
  const proxy = await proxies.start(["--workers", "1"]);
  expect(await (await proxy.connect()).close()).toBe("reset");
});

test("a client that does not say what it speaks, or says nothing, is closed when its time is over", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start(["--workers", "1", "--head-timeout", "1", "--idle-timeout", "2"]);
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const [slow, silent] = [await proxy.connect(), await proxy.connect()];
  slow.socket.write("PRI *");
  expect(await slow.close()).toBe("reset");
  expect(await silent.close()).toBe("reset");
  expect(await agent.next("counts", ({ counts }) => counts.open === 0 && counts.accepted === 2)).toMatchObject({
    counts: { late: 1, idle: 1 },
  });
});

test("what a handler lets escape ends its own connection, and nothing else", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start(["--workers", "1"]);
  using agent = await ControlClient.open(proxies.runDir);
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const [failing, other] = [await proxy.connect(), await proxy.connect()];
  const first = await other.ask("GET ");
  failing.socket.write("GET fail");
  expect(await failing.close()).toBe("reset");
  expect(await other.ask("GET ")).toBe(first);
  expect(proxy.lines().map(({ msg }) => msg)).toContain("a connection was not served well");
});

test("an exception that nobody has caught ends its worker, which is replaced, and no other", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const [[, failing], [survivor, other]] = [...(await connectToAll(proxy))] as [[number, Client], [number, Client]];
  failing.socket.write("GET throw");
  await failing.end();
  expect(await other.ask("GET ")).toBe(`${survivor} first`);
  await agent.next("counts", ({ counts }) => counts.replaced === 1 && counts.workers === 2);
  expect(proxy.lines().map(({ msg }) => msg)).toContain("a worker of the proxy ends with its connections");
});
