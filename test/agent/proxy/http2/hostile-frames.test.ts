import { once } from "node:events";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";
import { sized } from "#test/support/size.ts";
import {
  END_HEADERS,
  END_STREAM,
  FrameType,
  PREFACE,
  RawClient,
  SETTINGS,
  USUAL,
  fields,
  frame,
  get,
} from "./raw-client.ts";
import { answerOf, connectClient, send } from "./http2-lab.ts";

const FLOOD = sized({ short: 5000, long: 200_000 });
const CANCEL = Buffer.of(0, 0, 0, 8);
const post = { ...USUAL, ":method": "POST" };
const flood = (one: (i: number) => Buffer): Buffer[] => Array.from({ length: FLOOD }, (_, i) => one(i));
/** Of the i-th request. */
const id = (i: number): number => 2 * i + 1;

let arrived = 0;
const server = createServer();
let proxy: FakeProxy;

beforeAll(async () => {
  server.on("stream", (stream) => {
    arrived++;
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    stream.end("fine");
  });
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await FakeProxy.start(serveHttp2, server.address() as AddressInfo, httpEnds({ path: "/allowed.*" }));
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
});

beforeEach(() => {
  arrived = 0;
});

/** An entry of the dynamic table, named `a`, and as many references to it as a frame holds. */
function bomb(stream: number): Buffer {
  const value = Buffer.alloc(3900, "v");
  const entry = Buffer.concat([Buffer.of(0x40, 1, 0x61, 0x7f, 0x80 | ((3900 - 127) & 0x7f), (3900 - 127) >> 7), value]);
  const block = Buffer.concat([fields(USUAL), entry, Buffer.alloc(12_000, 0xbe)]);
  return frame(FrameType.headers, END_HEADERS | END_STREAM, stream, block);
}

const ended: readonly (readonly [string, readonly Buffer[]])[] = [
  [
    "requests that are reset at once",
    flood((i) => Buffer.concat([get(id(i)), frame(FrameType.reset, 0, id(i), CANCEL)])),
  ],
  [
    "denied requests that are reset at once",
    flood((i) => Buffer.concat([get(id(i), { ...USUAL, ":path": "/no" }), frame(FrameType.reset, 0, id(i), CANCEL)])),
  ],
  [
    "a head that goes on and on",
    [
      frame(FrameType.headers, 0, 1, fields(USUAL)),
      ...flood((i) => frame(FrameType.continuation, 0, 1, fields({ [`x-${i}`]: "v" }))),
    ],
  ],
  [
    "a head that goes on and on with nothing",
    [frame(FrameType.headers, 0, 1, fields(USUAL)), ...flood(() => frame(FrameType.continuation, 0, 1))],
  ],
  [
    "empty content",
    [frame(FrameType.headers, END_HEADERS, 1, fields(post)), ...flood(() => frame(FrameType.data, 0, 1))],
  ],
  ["settings", flood(() => frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0xff, 0xff)))],
  ["pings", flood(() => frame(FrameType.ping, 0, 0, Buffer.alloc(8)))],
  ["content before a head", [frame(FrameType.data, 0, 1, Buffer.from("x"))]],
  ["a stream of the server's numbers", [get(2)]],
  ["a push", [frame(5, END_HEADERS, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), fields(USUAL)]))]],
  [
    "a table that is not there",
    [frame(FrameType.headers, END_HEADERS | END_STREAM, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0x7f))],
  ],
  ["another frame in the middle of a head", [frame(FrameType.headers, 0, 1, fields(USUAL)), get(3)]],
  ["a window that overflows", [frame(FrameType.window, 0, 0, Buffer.of(0x7f, 0xff, 0xff, 0xff))]],
  ["a frame of another size than its kind has", [frame(FrameType.ping, 0, 0, Buffer.alloc(7))]],
  ["a frame that is too large", [frame(FrameType.headers, END_HEADERS, 1, Buffer.alloc(20_000))]],
  ["another protocol in the middle", [get(1), Buffer.from("GET /secret HTTP/1.1\r\nhost: web\r\n\r\n")]],
  ["nothing but an end in the middle of a frame", [get(1).subarray(0, 20)]],
];

test.each(ended)("%s: the connection ends, and no other", async (title, frames) => {
  const other = connectClient(proxy.port);
  using client = await RawClient.connect(proxy.port);
  client.send(PREFACE, SETTINGS, ...frames);
  if (title.startsWith("nothing")) client.socket.end();
  await until("the end", () => client.isClosed);
  expect(await answerOf(send(other, { ":path": "/allowed" }))).toMatchObject({ status: 200, body: "fine" });
  other.destroy();
  await expect.poll(() => proxy.open).toBe(0);
});

test("what is no preface ends the connection", async () => {
  using client = await RawClient.connect(proxy.port);
  client.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), get(1));
  await until("the end", () => client.isClosed);
  expect(arrived).toBe(0);
});

test("more streams than are allowed are refused, so that clients try again", async () => {
  using client = await RawClient.connect(proxy.port);
  const open = Array.from({ length: 150 }, (_, i) =>
    frame(FrameType.headers, END_HEADERS, id(i), fields({ ...post, ":path": "/allowed" })),
  );
  client.send(PREFACE, SETTINGS, ...open);
  await until(
    "the answers",
    () => client.framesOf(FrameType.headers).length === 100 && client.framesOf(FrameType.reset).length >= 50,
  );
  const refused = client.framesOf(FrameType.reset).filter(({ payload }) => payload.readUInt32BE() === 7);
  expect(refused).toHaveLength(50);
});

test("heads that swell when they are unpacked are refused, and cost no memory", async () => {
  using client = await RawClient.connect(proxy.port);
  const before = process.memoryUsage().rss;
  client.send(PREFACE, SETTINGS, ...Array.from({ length: 200 }, (_, i) => bomb(id(i))));
  await until("the refusals", () => client.framesOf(FrameType.reset).length === 200 || client.isClosed);
  expect(arrived).toBe(0);
  // Unpacked, they have more than 9 GB.
  expect(process.memoryUsage().rss - before).toBeLessThan(128 << 20);
});

test("a client that asks much and reads nothing costs bounded memory", async () => {
  using client = await RawClient.connect(proxy.port);
  const noWindow = frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0));
  client.send(PREFACE, noWindow, ...Array.from({ length: 100 }, (_, i) => get(id(i))));
  await until("the heads", () => client.framesOf(FrameType.headers).length === 100);
  expect(client.framesOf(FrameType.data)).toEqual([]);
  // They are held back, and so no stream more is taken.
  client.send(get(id(100)));
  await until("a refusal", () => client.framesOf(FrameType.reset).length > 0 || client.isClosed);
  expect(arrived).toBe(100);
});

test("what one client has under way on many connections has a bound; once it has ended there is room again", async () => {
  const silent = createServer();
  let waiting = 0;
  silent.on("stream", (stream) => {
    waiting++;
    stream.on("error", () => {});
  });
  silent.on("sessionError", () => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  await using other = await FakeProxy.start(serveHttp2, silent.address() as AddressInfo, httpEnds({}));
  const clients = Array.from({ length: 22 }, () => connectClient(other.port));
  const streams = clients.flatMap((client) => Array.from({ length: 100 }, () => send(client, { ":path": "/" })));
  const refused = () => streams.filter(({ rstCode }) => rstCode === constants.NGHTTP2_REFUSED_STREAM).length;
  await until("all streams to have come, or to be refused", () => waiting + refused() === streams.length);
  expect(waiting).toBe(2048);
  for (const client of clients) client.destroy();
  await until("the end of all connections", () => other.open === 0);
  const late = connectClient(proxy.port);
  expect((await answerOf(send(late, { ":path": "/allowed" }))).status).toBe(200);
  late.destroy();
  silent.close();
});
