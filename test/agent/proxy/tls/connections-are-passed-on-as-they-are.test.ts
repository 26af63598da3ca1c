import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { serveTls } from "#agent/proxy/tls/serve.ts";
import type { ConnectionLimits } from "#agent/proxy/proxied-connection.ts";
import type { EndRules } from "#agent/proxy/rule-book.ts";
import { clientHello, message, records } from "#test/support/client-hello.ts";
import { FakeProxy, endRules, proxyRule } from "#test/support/fake-proxy.ts";

const names = proxyRule("names", { serverNames: ["a.test"] });
const http = proxyRule("http", { l7: { family: "http", rules: [] } });
const hello = records(clientHello({ serverName: "a.test" }), 50);
const serverHello = records(message(2, Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(60)])));
const accessDenied = Buffer.from([21, 3, 3, 0, 2, 2, 49]);
const decodeError = Buffer.from([21, 3, 3, 0, 2, 2, 50]);

let server: Server;
let port: number;
const accepted: Socket[] = [];
const scope = new AsyncDisposableStack();

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => void accepted.push(socket.on("error", () => {})));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => {
  for (const socket of accepted.splice(0)) socket.destroy();
});

afterAll(async () => {
  await scope.disposeAsync();
  server.close();
});

async function proxied(
  ends: readonly EndRules[] | null,
  limits: Partial<ConnectionLimits> = {},
  to = port,
): Promise<{ readonly proxy: FakeProxy; readonly client: Socket }> {
  const proxy = scope.use(await FakeProxy.start(serveTls, { port: to }, ends, limits));
  const client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  scope.defer(() => void client.destroy());
  await once(client, "connect");
  return { proxy, client };
}

/** All that comes until the end; `reset`: it broke off. */
async function all(socket: Socket): Promise<Buffer | "reset"> {
  try {
    return Buffer.concat(await socket.toArray());
  } catch {
    return "reset";
  }
}

async function serverSide(): Promise<Socket> {
  await expect.poll(() => accepted.length).toBeGreaterThan(0);
  return accepted[0] as Socket;
}

test("a hello in three segments, and everything behind it, comes to the server byte by byte as it was", async () => {
  const { client, proxy } = await proxied([endRules([names])]);
  const third = Math.ceil(hello.length / 3);
  for (let at = 0; at < hello.length; at += third) {
    client.write(hello.subarray(at, at + third));
    await expect.poll(() => client.writableLength).toBe(0);
    await new Promise(setImmediate);
  }
  const at = await serverSide();
  at.write(serverHello);
  const more = Buffer.alloc(3_000_000, "more");
  client.end(more);
  expect(Buffer.concat(await at.toArray()).equals(Buffer.concat([hello, more]))).toBe(true);
  // The client has ended its side; the server has not.
  at.end(more);
  expect(Buffer.concat((await client.toArray()) as Buffer[]).equals(Buffer.concat([serverHello, more]))).toBe(true);
  await expect.poll(() => proxy.ended).toBe(1);
});

test("a server that ends first still gets what the client says", async () => {
  const { client, proxy } = await proxied([endRules([names])]);
  client.write(hello);
  const at = await serverSide();
  at.end(serverHello);
  expect(await all(client)).toEqual(serverHello);
  client.end("late");
  expect(await all(at)).toEqual(Buffer.concat([hello, Buffer.from("late")]));
  await expect.poll(() => proxy.ended).toBe(1);
});

test("a side that breaks off breaks off the other", async () => {
  for (const answer of [null, serverHello]) {
    const { client } = await proxied([endRules([names])]);
    client.write(hello);
    const at = await serverSide();
    if (answer) at.write(answer);
    const got = all(client);
    if (answer) await expect.poll(() => client.bytesRead).toBeGreaterThan(0);
    at.resetAndDestroy();
    expect(await got).toBe("reset");
    accepted.pop();
  }
});

test("a client that sends faster than the server takes is held back, before and behind the server's answer", async () => {
  for (const answer of [null, serverHello]) {
    const { client } = await proxied([endRules([names])]);
    client.write(hello);
    const at = await serverSide();
    at.pause();
    if (answer) at.write(answer);
    const record = records(Buffer.alloc(16_000), 16_000, 23);
    let sent = 0;
    while (client.write(record) || (await Promise.race([once(client, "drain"), quiet(client)]))) sent += record.length;
    expect(sent).toBeLessThan(30_000_000);
    client.destroy();
    accepted.pop()?.destroy();
  }
});

/** False as soon as nothing more leaves a socket. */
async function quiet(socket: Socket): Promise<false> {
  for (let rounds = 0, last = -1; rounds < 20;) {
    rounds = socket.bytesWritten - socket.writableLength === last ? rounds + 1 : 0;
    last = socket.bytesWritten - socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

test("a server that cannot be reached is an error, and breaks off the client", async () => {
  const { client, proxy } = await proxied([endRules([names])], {}, 1);
  client.write(hello);
  expect(await all(client)).toBe("reset");
  expect(proxy.told).toMatchObject([{ verdict: "error", deniedBy: null }]);
});

test("what policy does not let go on breaks off without a word", async () => {
  const { client, proxy } = await proxied(null);
  client.write(hello);
  expect(await all(client)).toBe("reset");
  expect([proxy.told, accepted]).toEqual([[], []]);
});

test.each([
  ["a rule about HTTP", [endRules([http])], "source"],
  ["no rule", [endRules([])], "source"],
  ["the rules of the server's end", [endRules([names]), endRules([http], { end: "destination" })], "destination"],
] as const)("%s does not allow TLS", async (_, ends, deniedBy) => {
  const { client, proxy } = await proxied(ends);
  client.write(hello);
  expect(await all(client)).toEqual(accessDenied);
  expect(proxy.told).toMatchObject([{ verdict: "denied", deniedBy, rules: [] }]);
  expect(accepted).toEqual([]);
});

test("what cannot be read is denied when a rule asks, and passes when none does", async () => {
  const bytes = Buffer.from("\x16GET / HTTP/1.1\r\n\r\n");
  const denied = await proxied([endRules([names])]);
  denied.client.write(bytes);
  expect(await all(denied.client)).toEqual(decodeError);

  const plain = await proxied([endRules([http], { isPlain: true })]);
  plain.client.end(bytes);
  expect(await all(await serverSide())).toEqual(bytes);
  expect(plain.proxy.told).toMatchObject([
    { verdict: "forwarded", rules: [http.description], content: { serverName: null } },
  ]);
});

test("a hello that does not come in time cannot be read", async () => {
  const { client, proxy } = await proxied([endRules([names])], { headTimeout: 50 });
  client.write(hello.subarray(0, 60));
  expect(await all(client)).toEqual(decodeError);
  expect(proxy.told).toMatchObject([{ verdict: "denied", content: { serverName: null } }]);
});

test("a connection without any byte for long breaks off", async () => {
  for (const answer of [Buffer.alloc(0), serverHello]) {
    const { client } = await proxied([endRules([names])], { idleTimeout: 50 });
    client.write(hello);
    (await serverSide()).write(answer);
    expect(await all(client)).toBe("reset");
    accepted.pop()?.destroy();
  }
});

test("a second hello for another name is denied, and the server gets nothing of it", async () => {
  const random = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
  const retry = records(message(2, Buffer.concat([Buffer.from([3, 3]), random, Buffer.alloc(30)])));
  const { client, proxy } = await proxied([endRules([names])]);
  client.write(hello);
  const at = await serverSide();
  const got = all(at);
  at.write(retry);
  client.write(records(clientHello({ serverName: "b.test" })));
  expect(await all(client)).toEqual(Buffer.concat([retry, accessDenied]));
  expect(proxy.told).toMatchObject([{ verdict: "forwarded" }, { verdict: "denied", deniedBy: "source" }]);
  expect(await got).toBe("reset");
});

test("a client that goes away while its hello is read takes nothing with it", async () => {
  const { client, proxy } = await proxied([endRules([names])]);
  client.write(hello.subarray(0, 20));
  client.resetAndDestroy();
  await expect.poll(() => proxy.ended).toBe(1);
  expect(proxy.told).toEqual([]);
});
