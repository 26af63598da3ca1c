import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";

const { server, port } = useRawServer();
const proxy = useHttp1Proxy(port);

const MIB = 1 << 20;
const big = "x".repeat(24 * MIB);
/** What the proxy may hold of one connection that does not go on, in bytes. */
const HELD = MIB;

const held = () => Math.max(...[...proxy.open].map((socket) => socket.writableLength + socket.readableLength));
const isAnySlow = () => [...proxy.open].some((socket) => socket.isPaused());

test.each(["length", "chunks"])("a server that does not read stops its client: a body with %s", async (framing) => {
  const client = await RawClient.open(proxy.port);
  const chunked = framing === "chunks";
  const field = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${big.length}`;
  const chunk = `${MIB.toString(16)}\r\n${big.slice(0, MIB)}\r\n`;
  client.send(`POST / HTTP/1.1\r\nHost: shop\r\n${field}\r\n\r\n`);
  const served = await server.next();
  served.socket.pause();
  client.send(chunked ? `${chunk.repeat(24)}0\r\n\r\n` : big);
  await until("the client to be held", isAnySlow);
  expect(held()).toBeLessThan(HELD);
  served.socket.resume();
  await served.until((received) => received.length >= big.length && (!chunked || received.endsWith("0\r\n\r\n")));
  served.send("HTTP/1.1 204 No Content\r\n\r\n");
  await client.until((received) => statuses(received).length === 1);
  client.socket.destroy();
});

test.each(["length", "chunks", "the end"])(
  "a client that does not read stops its server: a body with %s",
  async (framing) => {
    const client = await RawClient.open(proxy.port);
    client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    const served = await server.next();
    client.socket.pause();
    const chunked = framing === "chunks";
    const length = framing === "length" ? `Content-Length: ${big.length}\r\n` : "";
    served.send(`HTTP/1.1 200 OK\r\n${chunked ? "Transfer-Encoding: chunked\r\n" : length}\r\n`);
    served.send(chunked ? `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n` : big);
    served.socket.end();
    await until("the server to be held", isAnySlow);
    expect(held()).toBeLessThan(HELD);
    client.socket.resume();
    await client.until((received) => received.length > big.length && (!chunked || received.endsWith("0\r\n\r\n")));
    client.end();
    await client.rest();
  },
);

test("a tunnel holds back who is faster than the other", async () => {
  const client = await RawClient.open(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
  const served = await server.next();
  served.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
  await client.until((received) => received.endsWith("\r\n\r\n"));
  served.socket.pause();
  client.send(big);
  await until("the client to be held", isAnySlow);
  expect(held()).toBeLessThan(HELD);
  served.socket.resume();
  await served.until((received) => received.length > big.length);
  client.socket.destroy();
});

test("who asks on and on and never reads is not listened to any more", async () => {
  proxy.ends = [httpEnd([{ path: "/none" }])];
  const client = await RawClient.open(proxy.port);
  client.socket.pause();
  const requests = 200_000;
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(requests));
  await until("the client to be held", isAnySlow);
  expect(held()).toBeLessThan(HELD);
  client.socket.destroy();
});

test("a client that sends ahead is held while its request is answered", async () => {
  const client = await RawClient.open(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  const served = await server.next();
  await served.until((received) => received.endsWith("\r\n\r\n"));
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(200_000));
  await until("the client to be held", isAnySlow);
  expect(held()).toBeLessThan(HELD);
  client.socket.destroy();
});
