import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";

const { server, port } = useRawServer();
const proxy = useHttp1Proxy(port);

const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
sockets.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })));
const echo = useHttp1Proxy(() => (sockets.address() as { port: number }).port);

const upgrade = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`;
const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

test("a WebSocket says and hears what it would without the proxy", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${echo.port}/chat`);
  await once(socket, "open");
  const sent = [Buffer.from("hello"), Buffer.alloc(300_000, 7), Buffer.from("end")];
  const heard: Buffer[] = [];
  const all = Promise.withResolvers<void>();
  socket.on("message", (data) => {
    heard.push(data as Buffer);
    if (heard.length === sent.length) all.resolve();
  });
  for (const data of sent) socket.send(data);
  await all.promise;
  socket.close();
  await once(socket, "close");
  expect(heard.map((data) => data.length)).toEqual([5, 300_000, 3]);
  expect(Buffer.concat(heard).equals(Buffer.concat(sent))).toBe(true);
  expect(echo.records.map(({ content }) => content)).toMatchObject([
    { method: "GET", code: 0 },
    { method: "GET", code: 101 },
  ]);
});

test("a WebSocket that no rule allows is denied", async () => {
  echo.ends = [httpEnd([{ path: "/chat" }])];
  const socket = new WebSocket(`ws://127.0.0.1:${echo.port}/admin`);
  const [error] = (await once(socket, "error")) as [Error];
  expect(error.message).toBe("Unexpected server response: 403");
});

test("a rule can ask what a connection is to become", async () => {
  echo.ends = [httpEnd([{ headers: ["Upgrade: websocket"] }])];
  const socket = new WebSocket(`ws://127.0.0.1:${echo.port}/chat`);
  await once(socket, "open");
  socket.close();
  await once(socket, "close");
});

test("bytes behind an upgrade are held until the server has answered 101", async () => {
  const client = await RawClient.open(proxy.port);
  client.send(`${upgrade("/chat")}GET /admin HTTP/1.1\r\n\r\n`);
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  expect(served.received).not.toContain("admin");
  served.send(`${switching}first`);
  await served.until((received) => received.endsWith("GET /admin HTTP/1.1\r\n\r\n"));
  await client.until((received) => received.endsWith("first"));
  client.socket.destroy();
});

test("behind any other answer than 101 they are requests, and judged", async () => {
  proxy.ends = [httpEnd([{ path: "/chat" }])];
  const client = await RawClient.open(proxy.port);
  client.send(`${upgrade("/chat")}GET /admin HTTP/1.1\r\nHost: shop\r\n\r\n`);
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  served.send(
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
  );
  client.end();
  expect(statuses(await client.rest())).toEqual([426, 403]);
  expect(served.received).not.toContain("admin");
});

test("an answer 101 with a protocol that was not offered is none", async () => {
  const client = await RawClient.open(proxy.port);
  client.send(upgrade("/chat"));
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  served.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
  client.end();
  expect(statuses(await client.rest())).toEqual([502]);
});

test("protocols in which nobody would judge requests are not offered on", async () => {
  const client = await RawClient.open(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: h2c, HTTP/2.0, TLS/1.2, chat\r\n\r\n");
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  expect(served.received).toBe("GET / HTTP/1.1\r\nHost: shop\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
  client.socket.destroy();
});

test("each side of a tunnel ends by itself", async () => {
  const client = await RawClient.open(proxy.port);
  client.send(upgrade("/chat"));
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  served.send(switching);
  await client.until((received) => received.endsWith("\r\n\r\n"));
  client.send("last");
  client.end();
  await served.ended();
  expect(served.received.endsWith("last")).toBe(true);
  served.send("answer");
  served.socket.end();
  expect((await client.rest()).endsWith("answer")).toBe(true);
});

const connect = "CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n";

test("CONNECT is denied by a rule that does not speak of methods", async () => {
  proxy.ends = [httpEnd([{}])];
  const client = await RawClient.open(proxy.port);
  client.send(connect);
  client.end();
  expect(statuses(await client.rest())).toEqual([403]);
});

test("CONNECT makes a tunnel where a rule's method allows it", async () => {
  proxy.ends = [httpEnd([{ method: "CONNECT", host: "shop:80" }])];
  const client = await RawClient.open(proxy.port);
  client.send(`${connect}early`);
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  expect(served.received).toBe(connect);
  served.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  await client.until((received) => received === "HTTP/1.1 200 OK\r\n\r\nhello");
  await served.until((received) => received.endsWith("early"));
  client.socket.destroy();
});
