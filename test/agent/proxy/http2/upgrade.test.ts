import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { serveHttp1 } from "#agent/proxy/http1/serve.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";
import { END_HEADERS, END_STREAM, FrameType, PREFACE, RawClient, SETTINGS, USUAL, frame, get } from "./raw-client.ts";
import { UpgradingServer } from "./upgrading-server.ts";

const run = promisify(execFile);
const UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
const ask = (path: string, more = UPGRADE): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: web\r\n${more}\r\n`);
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n";

let server: UpgradingServer;
let proxy: FakeProxy;

beforeAll(async () => {
  server = await UpgradingServer.start();
  proxy = await FakeProxy.start(serveHttp1, server, null);
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

beforeEach(() => {
  proxy.ends = httpEnds({ path: "/allowed.*" });
  proxy.told.length = 0;
  server.upgrades = true;
  server.heads.length = 0;
  server.paths.length = 0;
});

async function curl(path: string): Promise<{ body: string; status: string; version: string }> {
  const format = "\n%{http_code} %{http_version}";
  const { stdout } = await run("curl", ["-sS", "--http2", "-w", format, `http://127.0.0.1:${proxy.port}${path}`]);
  const [body = "", last = ""] = stdout.split(/\n(?=[^\n]*$)/);
  const [status = "", version = ""] = last.split(" ");
  return { body, status, version };
}

test("curl upgrades through the proxy, and gets its answer by HTTP/2", async () => {
  expect(await curl("/allowed")).toEqual({ body: "/allowed", status: "200", version: "2" });
  expect(server.heads[0]).toMatch(/^upgrade: h2c$/im);
  expect(proxy.told).toMatchObject([
    { kind: "request", verdict: "forwarded", content: { protocol: "HTTP/1.1", code: 0 } },
    { kind: "response", verdict: "forwarded", content: { code: 200 } },
  ]);
  await expect.poll(() => proxy.open).toBe(0);
});

test("a server that does not upgrade answers as ever", async () => {
  server.upgrades = false;
  expect(await curl("/allowed")).toEqual({ body: "/allowed", status: "200", version: "1.1" });
});

test("a request that is denied does not upgrade", async () => {
  expect(await curl("/secret")).toEqual({ body: "Access denied\r\n", status: "403", version: "1.1" });
  expect(server.heads).toEqual([]);
});

test("nghttp upgrades, and every further stream is judged", async () => {
  const urls = ["/allowed/1", "/secret/2", "/allowed/3"].map((path) => `http://127.0.0.1:${proxy.port}${path}`);
  const { stdout } = await run("nghttp", ["-u", ...urls]);
  expect(stdout).toContain("/allowed/1");
  expect(stdout).toContain("/allowed/3");
  expect(stdout).toContain("Access denied");
  expect(server.paths).toEqual(["/allowed/3"]);
});

test("the first request of an upgraded connection is answered, and streams after it", async () => {
  using client = await RawClient.connect(proxy.port);
  client.send(ask("/allowed"));
  await until("101", () => client.bytes.toString("latin1") === SWITCHING);
  client.skip(SWITCHING.length);
  const seen = [...Object.entries(USUAL), ["x-seen", "here"]] as [string, string][];
  client.send(PREFACE, SETTINGS, get(3, seen), get(5, { ...USUAL, ":path": "/secret" }), get(7, seen));
  await until("the answers", () => client.framesOf(FrameType.headers).length === 4);
  expect(
    client
      .framesOf(FrameType.headers)
      .map(({ stream }) => stream)
      .sort(),
  ).toEqual([1, 3, 5, 7]);
  // One for its own frame, none for what the upgrade said.
  expect(client.framesOf(FrameType.settings).filter(({ flags }) => flags === 1)).toHaveLength(1);
  expect(server.paths).toEqual(["/allowed", "/allowed"]);
});

test("the settings of the upgrade count", async () => {
  using client = await RawClient.connect(proxy.port);
  // No window: nothing of the content may come.
  const noWindow = Buffer.of(0, 4, 0, 0, 0, 0).toString("base64url");
  client.send(ask("/allowed", UPGRADE.replace("AAMAAABkAAQAAP__", noWindow)));
  await until("101", () => client.bytes.length >= SWITCHING.length);
  client.skip(SWITCHING.length);
  client.send(PREFACE, SETTINGS, get(3));
  await until("the heads", () => client.framesOf(FrameType.headers).length === 2);
  expect(client.framesOf(FrameType.data)).toEqual([]);
});

test("a server that answers with its 101 at once is heard", async () => {
  const answer = [
    SETTINGS,
    frame(FrameType.headers, END_HEADERS, 1, Buffer.of(0x88)),
    ...Array.from({ length: 20 }, () => frame(FrameType.data, 0, 1, Buffer.alloc(1000, "x"))),
    frame(FrameType.data, END_STREAM, 1),
  ];
  const hasty = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(Buffer.concat([Buffer.from(SWITCHING), ...answer])));
    socket.resume();
  });
  hasty.listen(0, "127.0.0.1");
  await once(hasty, "listening");
  await using before = await FakeProxy.start(serveHttp1, hasty.address() as AddressInfo, httpEnds({}));
  const { stdout } = await run("curl", ["-sS", "--http2", `http://127.0.0.1:${before.port}/`]);
  expect(stdout).toBe("x".repeat(20_000));
  hasty.close();
});

const smuggled: readonly (readonly [string, readonly Buffer[]])[] = [
  ["another request by HTTP/1", [Buffer.from("GET /secret HTTP/1.1\r\nHost: web\r\n\r\n")]],
  ["a preface that is none", [Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), SETTINGS]],
  ["frames without a preface", [SETTINGS, get(3)]],
  ["a preface without settings", [PREFACE, get(3)]],
  ["settings that are an acknowledgement", [PREFACE, frame(FrameType.settings, 1, 0)]],
  ["settings of a length that cannot be", [PREFACE, frame(FrameType.settings, 0, 0, Buffer.alloc(7))]],
  ["settings without an end", [PREFACE, frame(FrameType.settings, 0, 0, Buffer.alloc(6 * 1000))]],
];

test.each(smuggled)("%s after 101: closed, and the server gets nothing", async (_title, parts) => {
  for (const isHeldBack of [true, false]) {
    using client = await RawClient.connect(proxy.port);
    client.send(ask("/allowed"), ...(isHeldBack ? [] : parts));
    await until("101", () => client.bytes.length >= SWITCHING.length);
    if (isHeldBack) client.send(...parts);
    await until("the end", () => client.isClosed);
    expect(client.bytes.toString("latin1")).toBe(SWITCHING);
  }
  expect(server.heads).toHaveLength(2);
  expect(server.paths).toEqual([]);
});

test("a stream that takes the number of the upgraded request ends the connection", async () => {
  using client = await RawClient.connect(proxy.port);
  client.send(
    ask("/allowed"),
    PREFACE,
    SETTINGS,
    frame(FrameType.data, 0, 1, Buffer.from("x")),
    get(1, { ...USUAL, ":path": "/secret" }),
  );
  await until("the end", () => client.isClosed);
  expect(server.paths).toEqual([]);
});

test("a client that does not go on after 101 is not waited for", async () => {
  proxy.limits = { ...proxy.limits, headTimeout: 200 };
  using client = await RawClient.connect(proxy.port);
  client.send(ask("/allowed"), PREFACE.subarray(0, 20));
  await until("the end", () => client.isClosed);
  await expect.poll(() => proxy.open).toBe(0);
});

const notOffered: readonly (readonly [string, string])[] = [
  ["settings that Connection does not name", UPGRADE.replace(", HTTP2-Settings", "")],
  ["no settings", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"],
  ["settings twice", `${UPGRADE}HTTP2-Settings: AAMAAABk\r\n`],
  ["settings that are none", UPGRADE.replace("AAMAAABkAAQAAP__", "AAMAAA")],
  ["settings that are no base64url", UPGRADE.replace("AAMAAABkAAQAAP__", "AAMAAAB%")],
  ["other protocols beside it", UPGRADE.replace("h2c", "h2c, foo")],
  ["content", `${UPGRADE}Content-Length: 2\r\n`],
];

test.each(notOffered)("%s: HTTP/2 is not offered to the server", async (title, more) => {
  using client = await RawClient.connect(proxy.port);
  client.send(ask("/allowed", more), Buffer.from(title === "content" ? "ab" : ""));
  await until("an answer", () => client.bytes.includes("/allowed"));
  expect(server.heads[0]).not.toMatch(/h2c|http2-settings/i);
});
