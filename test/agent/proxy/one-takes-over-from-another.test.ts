import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { type Client, TestProxies, type TestProxy } from "#test/support/proxy/proxy-process.ts";
import { TestServer } from "#test/support/proxy/test-server.ts";
import { judgement } from "#test/support/proxy/world.ts";

/** Asks by a connection until told to stop. */
async function askOn(client: Client, stop: AbortSignal): Promise<number> {
  for (let asked = 0; ; asked++) {
    if (stop.aborted) return asked;
    await client.ask("\x01request\n");
  }
}

/** Opens connections one after the other, and asks by each. */
async function askAnew(proxy: TestProxy, stop: AbortSignal): Promise<number> {
  for (let asked = 0; ; asked++) {
    if (stop.aborted) return asked;
    using client = await proxy.connect();
    await client.ask("\x01request\n");
  }
}

test("over a change of proxies with 200 busy connections none fails, nor a new one", async () => {
  await using server = await TestServer.start();
  await using proxies = new TestProxies({ judgement: judgement("plain"), tuple: server.destination });
  const old = await proxies.start();
  const clients = await Promise.all(Array.from({ length: 200 }, () => old.connect()));
  const stop = new AbortController();
  const asking = [
    ...clients.map((client) => askOn(client, stop.signal)),
    ...Array.from({ length: 4 }, () => askAnew(old, stop.signal)),
  ];
  const next = await proxies.start(["--replace"]);
  expect(next.port).toBe(old.port);
  // Connections that were opened after the change are served, too.
  await askAnew(next, AbortSignal.timeout(100));
  stop.abort();
  for (const asked of await Promise.all(asking)) expect(asked).toBeGreaterThan(0);
  expect(old.process.exitCode).toBe(null);
  for (const client of clients) client.socket.end();
  expect(await old.exited()).toBe(0);
  expect(readdirSync(proxies.runDir).filter((name) => name.endsWith(".sock"))).toEqual([
    `proxy-${next.pid}.sock`,
    "proxy.sock",
  ]);
});

test("the next proxy has the rules of the one before, and each update as soon as that has acknowledged it", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const old = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  agent.say({ type: "attach" });
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(old);
  const next = await proxies.start(["--replace"]);
  expect(await agent.next("draining")).toEqual({ type: "draining", successor: next.pid });
  expect(readlinkSync(`${proxies.runDir}/proxy.sock`)).toBe(`proxy-${next.pid}.sock`);

  const after = await connectToAll(next);
  for (const [pid, client] of after) expect(await client.ask("GET ")).toBe(`${pid} first`);
  // Told to the old one alone: what that says all have, the next one has.
  await agent.tell(ruleUpdate(2, { 1: "second" }));
  for (const [pid, client] of after) expect(await client.ask("GET ")).toBe(`${pid} second`);
  // Told to the next one as well, by the same agent.
  using other = await ControlClient.open(proxies.runDir);
  expect(await other.next("hello")).toMatchObject({ pid: next.pid, version: 2, isDraining: false });
  await other.tell(ruleUpdate(2, { 1: "second" }));
  // A handler hears of it, and closes after an answer.
  for (const [pid, client] of clients) {
    expect(await client.ask("GET ")).toBe(`${pid} second`);
    await client.close();
  }
  expect(await old.exited()).toBe(0);
  await until("the end of the old control connection", () => agent.isClosed);
  await other.tell(ruleUpdate(3, { 1: "third" }));
  for (const [pid, client] of after) expect(await client.ask("GET ")).toBe(`${pid} third`);
});

test("a second proxy that is not told to take over does not start", async () => {
  await using proxies = new TestProxies({ judgement: null, tuple: {} });
  const one = await proxies.start(["--workers", "1"]);
  await expect(proxies.start(["--workers", "1"])).rejects.toThrow(
    `the proxy with process id ${one.pid} runs in ${proxies.runDir}; use --replace`,
  );
});

test("of two that are started at once one begins, and the other finds it", async () => {
  await using proxies = new TestProxies({ judgement: null, tuple: {} });
  const both = await Promise.allSettled([1, 2].map(() => proxies.start(["--workers", "1"])));
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const third = [proxies.start(["--workers", "1", "--replace"]), proxies.start(["--workers", "1", "--replace"])];
  const [one, two] = await Promise.all(third);
  await until("the end of all but one", () => [one, two].filter((proxy) => proxy?.process.exitCode === 0).length === 1);
});

test("what a proxy that was killed has left is no proxy", async () => {
  await using proxies = new TestProxies({ judgement: null, tuple: {} });
  const one = await proxies.start(["--workers", "1"]);
  one.process.kill("SIGKILL");
  await one.exited();
  const two = await proxies.start(["--workers", "1", "--replace"]);
  expect(existsSync(`${proxies.runDir}/proxy-${one.pid}.sock`)).toBe(false);
  expect(readlinkSync(`${proxies.runDir}/proxy.sock`)).toBe(`proxy-${two.pid}.sock`);
});
