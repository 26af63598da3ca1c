import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { serveHttp1 } from "#agent/proxy/http1/serve.ts";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { serveKafka } from "#agent/proxy/kafka/serve.ts";
import type { Handler, ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import { serveTls } from "#agent/proxy/tls/serve.ts";
import type { L7Family } from "#policy/model/l7.ts";
import { ruleUpdate } from "#test/support/proxy/control-client.ts";
import { LocalProxy } from "#test/support/proxy/local-proxy.ts";
import { TestServer } from "#test/support/proxy/test-server.ts";
import { judgement } from "#test/support/proxy/world.ts";

/** A handler that does what it is told by the connection's first bytes. */
function handler(serve: (connection: ProxiedConnection, said: string) => Promise<void>): Handler {
  return async (connection) => {
    const said = await new Promise<string>((resolve) => {
      connection.client.once("data", (chunk: Buffer) => resolve(chunk.toString())).resume();
    });
    await serve(connection, said);
  };
}

async function startAsking(tuple: object, http1: Handler, identity = 2): Promise<LocalProxy> {
  const { source, destination } = judgement([1]);
  const world = { judgement: { source, destination: { ...destination, identity } }, tuple };
  const proxy = await LocalProxy.start(world, { handlers: { http1 } });
  proxy.rules.apply(ruleUpdate(1, { 1: "first" }, true));
  return proxy;
}

test("a handler is given a paused client with all that it has said", async () => {
  let wasPaused = false;
  await using proxy = await startAsking({}, (connection) => {
    wasPaused = connection.client.isPaused();
    return handler(async ({ client }, said) => void client.end(`${said}\n`))(connection);
  });
  using client = await proxy.connect();
  expect(await client.ask("POST /a HTTP/1.1\r\nHost: a\r\n\r\nbody")).toBe("POST /a HTTP/1.1\r");
  expect(wasPaused).toBe(true);
});

test("what a handler has written when it is done still reaches the client", async () => {
  const much = "x".repeat(3 << 20);
  await using proxy = await startAsking(
    {},
    handler(async ({ client }) => void client.write(`${much}\n`)),
  );
  using client = await proxy.connect();
  expect((await client.ask("GET ")).length).toBe(much.length);
  await client.end();
  await until("the end of the connection", () => proxy.counts.open === 0);
});

test("a server on the node itself is called by the node, any other in the client's place", async () => {
  const seen: string[] = [];
  await using server = await TestServer.start((socket) => seen.push(`${socket.remoteAddress}`));
  const serve = handler(async (connection) => void (await connection.connect()));
  const tuple = { ...server.destination, sourceAddress: "127.0.0.7" };
  for (const identity of [1, 2]) {
    await using proxy = await startAsking(tuple, serve, identity);
    using client = await proxy.connect();
    client.socket.write("GET ");
    await until("the call", () => seen.length === identity);
  }
  expect(seen).toEqual(["127.0.0.1", "127.0.0.7"]);
});

test("where every end lets all pass, a request is read all the same, and goes by the call that was made for it before", async () => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  await using server = await TestServer.start((socket) => socket.on("data", () => socket.write(answer)));
  const told: unknown[] = [];
  const world = { judgement: judgement("plain"), tuple: server.destination };
  await using proxy = await LocalProxy.start(world, {
    handlers: { http1: serveHttp1 },
    tell: (record) => told.push(record),
  });
  using client = await proxy.connect();
  await until("the call", () => server.sockets.size === 1);
  for (let i = 0; i < 3; i++) {
    expect(await client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("HTTP/1.1 200 OK\r");
    while ((await client.line()) !== "\r");
    await client.rest("ok");
  }
  expect(server.sockets.size).toBe(1);
  expect(told).toHaveLength(6);
});

test("a handler's calls are bounded, and end with its connection", async () => {
  const outcomes: string[] = [];
  await using server = await TestServer.start();
  await using proxy = await startAsking(
    server.destination,
    handler(async (connection) => {
      for (let i = 0; i < 5; i++) {
        await connection.connect().then(
          () => outcomes.push("connected"),
          (error: NodeJS.ErrnoException) => outcomes.push(error.code ?? ""),
        );
      }
    }),
  );
  using client = await proxy.connect();
  client.socket.write("GET ");
  await client.end();
  expect(outcomes).toEqual(["connected", "connected", "connected", "connected", "ECONNABORTED"]);
  await until("the end of the calls", () =>
    [...server.sockets].every((socket: Socket) => socket.destroyed || socket.readableEnded),
  );
});

test("whatever bytes a client sends, to whichever rules, it is answered or closed, and nothing else happens", async () => {
  const families: (L7Family | "names")[] = ["http", "dns", "kafka", "names"];
  await using server = await TestServer.start();
  const handlers = { http1: serveHttp1, http2: serveHttp2, tls: serveTls, kafka: serveKafka };
  const world = { judgement: judgement([1, 2, 3, 4]), tuple: server.destination };
  await using proxy = await LocalProxy.start(world, { handlers, limits: { headTimeout: 200, idleTimeout: 1000 } });
  const description = { kind: "K", namespace: "n", name: "a", rule: "egress[0]", file: "f", line: 1 };
  const added = families.map((family, index) => ({
    reference: index + 1,
    rules: [
      family === "names"
        ? { description, l7: null, serverNames: ["a.example"] }
        : { description, l7: { family, rules: [] }, serverNames: [] },
    ],
  }));
  proxy.rules.apply({ version: 1, isWhole: true, added, removed: [] });
  const beginnings = [
    "",
    "GET / HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01",
    "\0\0\0\x20\0\x03\0\x09",
  ];
  for (const asked of [[1], [2], [3], [4], [1, 2, 3, 4], "plain"] as const) {
    proxy.judgement = judgement(asked);
    const clients = beginnings.map(async (beginning) => {
      const client = await proxy.connect();
      client.socket.end(Buffer.concat([Buffer.from(beginning, "latin1"), randomBytes(500)]));
      await client.close();
    });
    await Promise.all(clients);
  }
  await until("the end of all", () => proxy.counts.open === 0);
  expect(proxy.failures).toEqual([]);
});
