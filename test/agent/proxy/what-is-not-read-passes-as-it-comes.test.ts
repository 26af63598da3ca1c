import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { LocalProxy } from "#test/support/proxy/local-proxy.ts";
import { TestServer } from "#test/support/proxy/test-server.ts";
import { judgement } from "#test/support/proxy/world.ts";

const plain = judgement("plain");
const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("a server that speaks first is heard, and the client after it", async () => {
  await using server = await TestServer.start((socket) => {
    socket.write("220 welcome\n");
    socket.on("data", (text) => socket.write(`250 ${String(text)}`));
  });
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  using client = await proxy.connect();
  expect(await client.line()).toBe("220 welcome");
  expect(await client.ask("EHLO me\n")).toBe("250 EHLO me");
  // The client has its port here itself, unlike one that is a pod.
  expect(proxy.counts.otherPort).toBe(1);
});

test.each(["", "\x01", "hi", "GE", "PRI * HTTP/2.0\r\n\r\nSM"])(
  "a client that has said %j and ends is answered nevertheless",
  async (said) => {
    await using server = await TestServer.start((socket) => {
      void buffer(socket).then((bytes) => socket.end(`you said ${bytes.toString()}.`));
    });
    await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
    const client = proxy.call();
    client.end(said);
    expect((await buffer(client)).toString()).toBe(`you said ${said}.`);
  },
);

test("what may become a known protocol, and does not go on, passes after a moment", async () => {
  await using server = await TestServer.start((socket) =>
    socket.once("data", (text) => socket.write(`${String(text)}\n`)),
  );
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  using client = await proxy.connect();
  expect(await client.ask("PING")).toBe("PING");
});

test("bytes arrive as they were sent, both ways at once, and none waits in the proxy for a reader that is slow", async () => {
  const [up, down] = [randomBytes(8 << 20), randomBytes(8 << 20)];
  const taken: Promise<Buffer>[] = [];
  let isReading = false;
  const sockets: Socket[] = [];
  await using server = await TestServer.start((socket) => {
    sockets.push(socket);
    socket.end(down);
    if (isReading) taken.push(buffer(socket));
  });
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  const slow = proxy.call();
  slow.write(up);
  await until("a server that does not read", () => sockets.length === 1);
  // More than the kernel's buffers take, so that the client has to wait.
  await until("a client that is held back", () => slow.writableLength > 1 << 20);
  isReading = true;
  const [socket] = sockets;
  const [fromClient, fromServer] = [buffer(socket ?? slow), buffer(slow)];
  slow.end();
  expect(hash(await fromClient)).toBe(hash(up));
  expect(hash(await fromServer)).toBe(hash(down));
  expect(proxy.failures).toEqual([]);
});

test("a server that breaks off breaks off the client", async () => {
  await using server = await TestServer.start((socket) => socket.once("data", () => socket.resetAndDestroy()));
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  using client = await proxy.connect();
  client.socket.write("\x01");
  expect(await client.close()).toBe("reset");
  await until("the end", () => proxy.counts.open === 0);
});

test("a client that breaks off breaks off the server", async () => {
  await using server = await TestServer.start();
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  using client = await proxy.connect();
  await client.ask("\x01\n");
  const [socket] = server.sockets;
  client.socket.resetAndDestroy();
  await until("the server's end", () => socket?.destroyed);
  await until("the end", () => proxy.counts.open === 0);
});

test("a server that cannot be reached breaks off the client", async () => {
  await using server = await TestServer.start();
  const nobody = { ...server.destination };
  await server[Symbol.asyncDispose]();
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: nobody });
  using client = await proxy.connect();
  expect(await client.close()).toBe("reset");
  expect(proxy.counts.unreachable).toBe(1);
  expect(proxy.failures).toEqual([]);
});

test("as soon as a rule asks, nothing more of what cannot be read passes, in either direction", async () => {
  await using server = await TestServer.start();
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  const [asking, hearing] = [await proxy.connect(), await proxy.connect()];
  for (const client of [asking, hearing]) expect(await client.ask("\x01one\n")).toBe("\x01one");
  proxy.judgement = judgement([1]);
  asking.socket.write("\x01two\n");
  expect(await asking.close()).toBe("reset");
  for (const socket of server.sockets) socket.write("three\n");
  expect(await hearing.close()).toBe("reset");
});

test("a client whose connection policy lets go on no longer is cut before anything is served", async () => {
  await using server = await TestServer.start();
  await using proxy = await LocalProxy.start({ judgement: plain, tuple: server.destination });
  using client = await proxy.connect();
  await until("the call", () => server.sockets.size === 1);
  proxy.judgement = null;
  client.socket.write("\x01one\n");
  expect(await client.close()).toBe("reset");
});

test("where a rule asks and the bytes are of no protocol that it speaks of, the connection is closed, and counted", async () => {
  await using proxy = await LocalProxy.start({ judgement: judgement([1, 2]), tuple: {} });
  const description = { kind: "K", namespace: "n", name: "a", rule: "egress[0]", file: "f", line: 1 };
  const rule = (family: "dns" | "kafka") => ({ description, l7: { family, rules: [] }, serverNames: [] });
  const added = [
    { reference: 1, rules: [rule("dns")] },
    { reference: 2, rules: [rule("kafka")] },
  ];
  proxy.rules.apply({ version: 1, isWhole: true, added, removed: [] });
  using client = await proxy.connect();
  client.socket.write("GET / HTTP/1.1\r\n\r\n");
  expect(await client.close()).toBe("reset");
  expect(proxy.counts.unrecognised).toBe(1);
});
