import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { Http1Proxy, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";

const { server, port } = useRawServer();
const proxy = useHttp1Proxy(port);
const get = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const { limits } = proxy;

test("a head that does not come in time is not waited for, even if bytes go on to come", async () => {
  proxy.limits = { ...limits, headTimeout: 100 };
  const client = await RawClient.open(proxy.port);
  client.send("GET / HTTP/1.1\r\nX: ");
  const drip = setInterval(() => client.send("x"), 10);
  const answer = await client.rest();
  clearInterval(drip);
  expect(statuses(answer)).toEqual([408]);
});

test("a connection without a byte is closed", async () => {
  proxy.limits = { ...limits, idleTimeout: 50 };
  const client = await RawClient.open(proxy.port);
  expect(await client.rest()).toBe("");
});

test("a server that thinks for too long is a 504", async () => {
  proxy.limits = { ...limits, idleTimeout: 100 };
  const client = await RawClient.open(proxy.port);
  client.send(get);
  expect(statuses(await client.rest())).toEqual([504]);
});

test("a body that stops coming ends both connections", async () => {
  proxy.limits = { ...limits, idleTimeout: 100 };
  const client = await RawClient.open(proxy.port);
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf");
  const served = await server.next();
  await served.ended();
  expect(await client.rest()).toBe("");
});

test("a proxy that ends says so with the next answer, and closes who does not ask", async () => {
  await using stack = new AsyncDisposableStack();
  const ending = stack.adopt(new Http1Proxy(), (one) => one.stop());
  ending.ends = [];
  ending.limits = { ...limits, idleTimeout: 200 };
  await ending.start(await port());
  const [asking, silent] = [await RawClient.open(ending.port), await RawClient.open(ending.port)];
  asking.send(get);
  const served = await server.next();
  await served.until((received) => received.endsWith("\r\n\r\n"));
  await until("both to be served", () => ending.open.size === 3);
  ending.drain();
  served.send(ok);
  expect(await asking.rest()).toContain("\r\nConnection: close\r\n");
  expect(await silent.rest()).toBe("");
});

test("a mistake of ours ends its connection and is told of", async () => {
  await using stack = new AsyncDisposableStack();
  const failing = stack.adopt(new Http1Proxy(), (one) => one.stop());
  failing.ends = [];
  await failing.start(await port());
  const client = await RawClient.open(failing.port);
  client.send(get);
  const served = await server.next();
  await served.until((received) => received.endsWith("\r\n\r\n"));
  Object.freeze(failing.records);
  served.send(ok);
  expect(await client.rest()).toBe("");
  await until("both to be closed", () => failing.open.size === 0);
  expect(failing.failures).toEqual([expect.any(TypeError)]);
});

test("a client that says that nothing more comes still has its answer", async () => {
  proxy.limits = limits;
  const client = await RawClient.open(proxy.port);
  client.send(get);
  client.end();
  const served = await server.next();
  await served.until((received) => received.endsWith("\r\n\r\n"));
  served.send(ok);
  expect(statuses(await client.rest())).toEqual([200]);
});

test("nothing is left of connections that are over", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, async () => RawClient.open(proxy.port)));
  for (const client of clients) client.send(get);
  for (const _ of clients) {
    const served = await server.next();
    await served.until((received) => received.endsWith("\r\n\r\n"));
    served.send(ok);
  }
  for (const client of clients) await client.until((received) => received.endsWith("ok"));
  for (const client of clients) client.end();
  await until("all to be closed", () => proxy.open.size === 0);
});
