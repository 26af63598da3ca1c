import { expect, test } from "vitest";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";

const { server, port } = useRawServer();
const proxy = useHttp1Proxy(port);
const plain = [{ ...httpEnd([{ path: "/public" }]), isPlain: true }];
const odd = "GET / HTTP/1.1\r\nX : no host\r\n\r\nand more\n";

test.each([odd, "GET / HTTP/1.1\nbare\n\n", `GET /${"x".repeat(20_000)}`])(
  "where every end lets everything pass, what cannot be read is passed on as it came",
  async (text) => {
    proxy.ends = plain;
    const client = await RawClient.open(proxy.port);
    await client.sendPieces([text.slice(0, 3), text.slice(3)]);
    const served = await server.next();
    await served.until((received) => received === text);
    served.send("whatever\n");
    await client.until((received) => received === "whatever\n");
    client.end();
    await served.ended();
    served.socket.end("the end");
    expect(await client.rest()).toBe("whatever\nthe end");
  },
);

test("also behind requests that could be read, on the same connection to the server", async () => {
  proxy.ends = plain;
  const client = await RawClient.open(proxy.port);
  client.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n");
  const served = await server.next();
  await served.until((received) => received.endsWith("\r\n\r\n"));
  served.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  await client.until((received) => received.endsWith("ok"));
  client.send(odd);
  await served.until((received) => received.endsWith(odd));
  client.socket.destroy();
});

test("once a rule asks it ends", async () => {
  proxy.ends = plain;
  const client = await RawClient.open(proxy.port);
  client.send(odd);
  const served = await server.next();
  await served.until((received) => received === odd);
  proxy.ends = [httpEnd([{ path: "/public" }])];
  client.send("GET /admin HTTP/1.1\r\n\r\n");
  await served.ended();
  expect(served.received).toBe(odd);
});

test("an answer does not come through once a rule asks, either", async () => {
  proxy.ends = plain;
  const client = await RawClient.open(proxy.port);
  client.send(odd);
  const served = await server.next();
  await served.until((received) => received === odd);
  proxy.ends = [httpEnd([{ path: "/public" }])];
  served.send("secret");
  expect(await client.rest()).toBe("");
});

test("where one end asks, it is refused", async () => {
  proxy.ends = [...plain, httpEnd([{}], "destination")];
  const client = await RawClient.open(proxy.port);
  client.send(odd);
  client.end();
  expect(statuses(await client.rest())).toEqual([400]);
});
