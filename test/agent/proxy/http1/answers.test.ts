import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";
import type { ServedConnection } from "#test/support/raw-server.ts";

const { server, port } = useRawServer();
const proxy = useHttp1Proxy(port);

const get = "GET /a HTTP/1.1\r\nHost: shop\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const isWhole = (received: string) => received.endsWith("\r\n\r\n");

/** A client that has asked, and its server that has heard it. */
async function ask(request = get): Promise<{ client: RawClient; served: ServedConnection }> {
  const client = await RawClient.open(proxy.port);
  client.send(request);
  const served = await server.next();
  await served.until((received) => received.includes("\r\n\r\n"));
  return { client, served };
}

const malformed = [
  ["no status line", "ICY 200 OK\r\n\r\n"],
  ["length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
  ["a malformed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"],
  ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"],
  ["a space before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"],
  ["a NUL", "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"],
  ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ["a code of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["a head that is too long", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(16_384)}\r\n\r\n`],
  ["too many fields", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(101)}\r\n`],
] as const;

test.each(malformed)("an answer with %s is none: 502, and the connection goes on", async (_, text) => {
  const { client, served } = await ask();
  served.send(text);
  await client.until((received) => statuses(received).length === 1);
  await served.ended();
  client.send(get);
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.end();
  expect(statuses(await client.rest())).toEqual([502, 200]);
  expect(proxy.records.filter(({ kind }) => kind === "response")).toMatchObject([
    { verdict: "error", content: { code: 502 } },
    { verdict: "forwarded", content: { code: 200 } },
  ]);
});

test("an answer comes out alike however the server cuts it", async () => {
  const chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n3\r\nabc\r\nB\r\nhello world\r\n0\r\nT: 1\r\n\r\n";
  const { client, served } = await ask();
  for (const byte of chunked) {
    served.send(byte);
    await new Promise(setImmediate);
  }
  await client.until((received) => received.includes("0\r\nT: 1\r\n\r\n"));
  client.end();
  const answer = await client.rest();
  const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
  expect(body.replaceAll(/\r\n/g, "|")).toMatch(/^1\|a\|1\|b\|1\|c\|(?:1\|.\|){11}0\|T: 1\|\|$/);
});

test("an answer to a request that was never sent does not reach the client", async () => {
  const { client, served } = await ask();
  served.send(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
  await client.until((received) => received.endsWith("ok"));
  await served.ended();
  client.send(get);
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(await client.rest()).not.toContain("evil");
});

test("pipelined requests do not take bytes for an answer that came before they were sent", async () => {
  const { client, served } = await ask(get + get);
  served.send(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(await client.rest()).not.toContain("evil");
});

test("bytes of an idle server end its connection, not the client's", async () => {
  const { client, served } = await ask();
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  served.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  await served.ended();
  client.send(get);
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(statuses(await client.rest())).toEqual([200, 200]);
});

test("a server that closed between two requests is called again", async () => {
  const { client, served } = await ask();
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  served.socket.end();
  await served.ended();
  client.send("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi");
  const again = await server.next();
  await again.until((received) => received.endsWith("hi"));
  again.send(ok);
  await client.until((received) => statuses(received).length === 2);
  client.end();
  await client.rest();
});

test("a request that only asks is asked again where a kept connection turns out to be gone", async () => {
  const { client, served } = await ask();
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.send(get);
  await served.until((received) => received.split("GET").length === 3);
  served.socket.destroy();
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(statuses(await client.rest())).toEqual([200, 200]);
});

test("a request that does something is not sent twice", async () => {
  const { client, served } = await ask();
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.send("DELETE /a HTTP/1.1\r\nHost: shop\r\n\r\n");
  await served.until((received) => received.includes("DELETE"));
  served.socket.destroy();
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(statuses(await client.rest())).toEqual([200, 502]);
  expect(server.connections).toHaveLength(1);
});

test("an answer that is cut off is not made whole", async () => {
  const { client, served } = await ask();
  served.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok");
  await client.until((received) => received.endsWith("ok"));
  served.socket.end();
  expect((await client.rest()).endsWith("ok")).toBe(true);
});

test("an answer without a length ends with the connection", async () => {
  const { client, served } = await ask();
  served.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  await client.until((received) => received.endsWith("end"));
  served.socket.end();
  const answer = await client.rest();
  expect(answer).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
});

test.each([204, 304])("an answer %i has no body", async (code) => {
  const { client, served } = await ask(get + get);
  served.send(`HTTP/1.1 ${code} X\r\nContent-Length: 5\r\n\r\n`);
  await served.until((received) => received.split("GET").length === 3);
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.end();
  expect(statuses(await client.rest())).toEqual([code, 200]);
});

test("who speaks HTTP/1.0 gets no chunks", async () => {
  const { client, served } = await ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  expect(served.received).toBe("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  served.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  expect(await client.rest()).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
});

test("who speaks HTTP/1.0 is told that its connection is kept", async () => {
  const { client, served } = await ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  served.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  await client.until((received) => received.endsWith("ok"));
  expect(client.received).toContain("\r\nConnection: keep-alive\r\n");
  client.end();
  await client.rest();
});

test("what server and client say to the next hop only goes no further", async () => {
  const request =
    "GET /a HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nTE: trailers, gzip\r\nX-Kept: 1\r\n\r\n";
  const { client, served } = await ask(request);
  expect(served.received).toBe("GET /a HTTP/1.1\r\nHost: shop\r\nX-Kept: 1\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  served.send(
    "HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok",
  );
  await client.until((received) => received.endsWith("ok"));
  client.end();
  expect(await client.rest()).toBe("HTTP/1.1 200 OK\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok");
});

test("rules do not see a header that Connection takes out", async () => {
  proxy.ends = [httpEnd([{ headers: ["X-Role: reader"] }])];
  const client = await RawClient.open(proxy.port);
  client.send("GET /a HTTP/1.1\r\nHost: shop\r\nConnection: X-Role\r\nX-Role: reader\r\n\r\n");
  client.end();
  expect(statuses(await client.rest())).toEqual([403]);
});

test("who breaks off a request still has the answer to the one before", async () => {
  const half = "POST /b HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nha";
  const { client, served } = await ask(get + half);
  client.end();
  await until("the proxy to hear the end", () => [...proxy.open].some((socket) => socket.readableEnded));
  served.send(ok);
  expect(await client.rest()).toBe(ok);
});

test("interim answers go to who understands them", async () => {
  const { client, served } = await ask();
  served.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  served.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.end();
  expect(await client.rest()).toBe(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`);
});

test("a server that answers before it has the body is heard, and the rest of the body is nobody's", async () => {
  const { client, served } = await ask("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n01234");
  served.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  served.socket.end();
  await client.until((received) => statuses(received).length === 1);
  await served.ended();
  client.send(`56789${get}`);
  const again = await server.next();
  await again.until(isWhole);
  again.send(ok);
  await client.until((received) => received.endsWith("ok"));
  client.end();
  expect(statuses(await client.rest())).toEqual([413, 200]);
});

test("a server that cannot be reached is a 502", async () => {
  const client = await RawClient.open(proxy.port);
  const next = server.next();
  client.send(get);
  (await next).socket.resetAndDestroy();
  await client.until((received) => statuses(received).length === 1);
  client.end();
  expect(statuses(await client.rest())).toEqual([502]);
});

test("a client that goes takes its connection to the server along", async () => {
  const { client, served } = await ask();
  client.socket.resetAndDestroy();
  await served.ended();
  expect(served.isEnded).toBe(true);
});

test("the client's connection has one to the server, used again for its next requests", async () => {
  const before = proxy.calls;
  const { client, served } = await ask();
  for (let i = 1; i <= 5; i++) {
    served.send(ok);
    await client.until((received) => statuses(received).length === i);
    client.send(get);
    await served.until((received) => received.split("GET").length === i + 2);
  }
  expect(proxy.calls - before).toBe(1);
  client.socket.destroy();
});
