import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { until } from "#agent/local/until.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";
import { FrameType, PREFACE, RawClient, SETTINGS, USUAL, get } from "./raw-client.ts";

type Field = readonly [string, string];
const usual = Object.entries(USUAL);
const beside = (...more: readonly Field[]): Field[] => [...usual, ...more];
const other = (changes: Readonly<Record<string, string>>): Field[] => Object.entries({ ...USUAL, ...changes });
const without = (name: string): Field[] => usual.filter(([other]) => other !== name);

const arrived: (readonly string[])[] = [];
const server = createServer();
let proxy: FakeProxy;

beforeAll(async () => {
  server.on("stream", (stream, _headers, _flags, raw) => {
    arrived.push(raw);
    stream.respond({ ":status": 200 });
    stream.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Whatever is understood may pass, so what does not arrive was refused.
  proxy = await FakeProxy.start(serveHttp2, server.address() as AddressInfo, httpEnds({ path: "/allowed.*" }));
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
});

beforeEach(() => {
  arrived.length = 0;
});

/** The first byte of a head whose status is 200: indexed, as RFC 7541, appendix A has it. */
const STATUS_200 = 0x88;

async function outcome(list: readonly Field[]): Promise<"passed" | "refused"> {
  using client = await RawClient.connect(proxy.port);
  client.send(PREFACE, SETTINGS, get(1, list));
  const { type, payload } = await until("an answer", () =>
    client.frames.find(
      (frame) => frame.stream === 1 && (frame.type === FrameType.headers || frame.type === FrameType.reset),
    ),
  );
  return type === FrameType.headers && payload[0] === STATUS_200 ? "passed" : "refused";
}

const refused: readonly (readonly [string, readonly Field[]])[] = [
  ["Host and :authority that differ", beside(["host", "other"])],
  ["two Hosts", beside(["host", "web"], ["host", "web"])],
  ["two :authority", beside([":authority", "web"])],
  ["neither Host nor :authority", without(":authority")],
  ["a user in :authority", other({ ":authority": "ann@web" })],
  ["a path in :authority", other({ ":authority": "web/x" })],
  ["no :path", without(":path")],
  ["no :method", without(":method")],
  ["no :scheme", without(":scheme")],
  ["a scheme that is none of HTTP's", other({ ":scheme": "ftp" })],
  ["an unknown pseudo-header", beside([":foo", "x"])],
  ["a pseudo-header of answers", beside([":status", "200"])],
  ["a pseudo-header after others", [["a", "b"], ...usual]],
  ["a name in upper case", beside(["X-A", "x"])],
  ["connection", beside(["connection", "close"])],
  ["keep-alive", beside(["keep-alive", "x"])],
  ["proxy-connection", beside(["proxy-connection", "x"])],
  ["transfer-encoding", beside(["transfer-encoding", "chunked"])],
  ["upgrade", beside(["upgrade", "h2c"])],
  ["http2-settings", beside(["http2-settings", "AAMAAABk"])],
  ["te that is not trailers", beside(["te", "gzip"])],
  ["two content types", beside(["content-type", "text/plain"], ["content-type", "application/grpc"])],
  ["two content lengths", beside(["content-length", "0"], ["content-length", "0"])],
  ["a content length without content", beside(["content-length", "5"])],
  ["a content length that is none", beside(["content-length", "+0"])],
  ["a path without a slash", other({ ":path": "allowed" })],
  ["a whole URL as the path", other({ ":path": "http://web/allowed" })],
  ["an empty path", other({ ":path": "" })],
  ["white space in the path", other({ ":path": "/allowed HTTP/1.1" })],
  ["a line end in the path", other({ ":path": "/allowed\r\nx: y" })],
  ["a fragment", other({ ":path": "/allowed#x" })],
  ["the asterisk of a GET", other({ ":path": "*" })],
  ["white space in the method", other({ ":method": "GET /allowed" })],
  [
    "CONNECT without a rule that names it",
    [
      [":method", "CONNECT"],
      [":authority", "web:80"],
    ],
  ],
  ["CONNECT with a path", other({ ":method": "CONNECT" })],
  [
    "CONNECT for another protocol, which the server has not offered",
    other({ ":method": "CONNECT", ":protocol": "websocket" }),
  ],
  [":protocol without CONNECT", beside([":protocol", "websocket"])],
];

test.each(refused)("%s: refused", async (_title, list) => {
  expect(await outcome(list)).toBe("refused");
  expect(arrived).toEqual([]);
});

const dropped: readonly (readonly [string, Field])[] = [
  ["a line end in a value", ["x-a", "x\r\nx-b: c"]],
  ["NUL in a value", ["x-a", "x\0"]],
  ["white space before a value", ["x-a", " x"]],
  ["white space in a name", ["x a", "x"]],
  ["a colon in a name", ["x-a:", "x"]],
];

test.each(dropped)("%s: the field is neither judged nor forwarded", async (_title, given) => {
  expect(await outcome(beside(given))).toBe("passed");
  expect(arrived[0]).toHaveLength(2 * usual.length);
});

const forwarded: readonly (readonly [string, readonly Field[], readonly Field[]])[] = [
  ["Host in the stead of :authority", [...without(":authority"), ["host", "web"]], usual],
  ["Host that says the same", beside(["host", "WEB"]), usual],
  ["crumbs of a cookie, joined", beside(["cookie", "a=1"], ["cookie", "b=2"]), beside(["cookie", "a=1; b=2"])],
  ["bytes that are no ASCII", beside(["x-a", "caf\xe9\xff"]), beside(["x-a", "caf\xe9\xff"])],
  ["te: trailers", beside(["te", "trailers"]), beside(["te", "trailers"])],
  ["a field given twice", beside(["x-a", "1"], ["x-a", "2"]), beside(["x-a", "1"], ["x-a", "2"])],
  ["the other scheme", other({ ":scheme": "https" }), other({ ":scheme": "https" })],
];

test.each(forwarded)("%s: passes", async (_title, list, expected) => {
  expect(await outcome(list)).toBe("passed");
  const [raw = []] = arrived;
  const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1]]] : []));
  expect(pairs.sort()).toEqual([...expected].sort());
});

test("a head over the bounds: refused", async () => {
  const long = beside(...Array.from({ length: 4 }, (_, i): Field => [`x-${i}`, "v".repeat(3900)]));
  expect(await outcome(long)).toBe("passed");
  proxy.limits = { ...proxy.limits, headBytes: 4096, headFields: 20 };
  const tooMany = beside(...Array.from({ length: 21 }, (_, i): Field => [`x-${i}`, ""]));
  for (const list of [tooMany, long]) expect(await outcome(list)).toBe("refused");
  expect(arrived).toHaveLength(1);
});
