import { once } from "node:events";
import { constants } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";
import { Http2Lab, answerOf, connectClient, send } from "./http2-lab.ts";

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

test.each([NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM])(
  "a server's reset with code %d reaches the client, and no other stream",
  async (code) => {
    await using lab = await Http2Lab.start(httpEnds({}), (stream, headers) => {
      if (headers[":path"] === "/reset") return stream.close(code);
      stream.respond({ ":status": 200 });
      stream.end("fine");
    });
    const [reset, other] = await Promise.all([lab.request({ ":path": "/reset" }), lab.request({ ":path": "/" })]);
    expect(reset).toMatchObject({ status: 0, code });
    expect(other).toMatchObject({ status: 200, body: "fine" });
  },
);

test("a reset in the middle of an answer is a reset, not an end", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.write("half", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  });
  expect(await lab.request({ ":path": "/" })).toMatchObject({ status: 200, code: constants.NGHTTP2_INTERNAL_ERROR });
});

test("a client's reset reaches the server with its code", async () => {
  const codes: unknown[] = [];
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.once("close", () => codes.push(stream.rstCode));
    stream.respond({ ":status": 200 });
    stream.write("begin");
  });
  const stream = send(lab.client, { ":path": "/" });
  await once(stream, "data");
  stream.close(NGHTTP2_ENHANCE_YOUR_CALM);
  await expect.poll(() => codes).toEqual([NGHTTP2_ENHANCE_YOUR_CALM]);
});

test("a client that goes away ends its streams at the server", async () => {
  const codes: unknown[] = [];
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.once("close", () => codes.push(stream.rstCode));
    stream.respond({ ":status": 200 });
    stream.write("begin");
  });
  await once(send(lab.client, { ":path": "/" }), "data");
  lab.client.destroy();
  await expect.poll(() => codes.length).toBe(1);
  await expect.poll(() => lab.proxy.open).toBe(0);
});

test("a server that answers early and wants no more of the request is heard, and obeyed", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 413 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => {
      stream.sendTrailers({ "x-why": "too much" });
      setImmediate(() => stream.close(NGHTTP2_NO_ERROR));
    });
    stream.end("too large");
  });
  const stream = lab.client.request({ ":method": "POST", ":path": "/" });
  stream.write("more and more");
  expect(await answerOf(stream)).toMatchObject({
    status: 413,
    body: "too large",
    trailers: { "x-why": "too much" },
    code: 0,
  });
});

test("a server's GOAWAY reaches the client, and what is open goes on to its end", async () => {
  let goOn = (): void => {};
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("begin");
    stream.session?.close();
    goOn = () => void stream.end(" end");
  });
  const stream = send(lab.client, { ":path": "/" });
  const answer = answerOf(stream);
  const [code] = await once(lab.client, "goaway");
  expect(code).toBe(NGHTTP2_NO_ERROR);
  goOn();
  expect(await answer).toMatchObject({ status: 200, body: "begin end", code: 0 });
  await expect.poll(() => lab.proxy.open).toBe(0);
});

test("a proxy that is to end finishes what is open and takes nothing new", async () => {
  let goOn = (): void => {};
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("begin");
    goOn = () => void stream.end(" end");
  });
  const stream = send(lab.client, { ":path": "/" });
  await once(stream, "response");
  const answer = answerOf(stream);
  lab.proxy.draining.abort();
  await once(lab.client, "goaway");
  goOn();
  expect(await answer).toMatchObject({ body: "begin end", code: 0 });
  await expect.poll(() => lab.proxy.open).toBe(0);
});

test("an answer that came whole before the server closed is whole for a client that reads slowly", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    const { session } = stream;
    stream.respond({ ":status": 200 });
    stream.end("x".repeat(60_000));
    stream.once("close", () => session?.destroy());
  });
  const goaway = once(lab.client, "goaway");
  const stream = send(lab.client, { ":path": "/" });
  await once(stream, "response");
  stream.pause();
  await goaway;
  const answer = answerOf(stream);
  stream.resume();
  expect((await answer).body).toHaveLength(60_000);
});

test.each([
  ["speaks HTTP/1.1 only", "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"],
  ["says nothing and closes", ""],
])("a server that %s: 502, for gRPC status 14", async (_title, said) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(said));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await using proxy = await FakeProxy.start(serveHttp2, server.address() as AddressInfo, httpEnds({}));
  const client = connectClient(proxy.port);
  const headers = { "content-type": "application/grpc" };
  const answers = await Promise.all([
    answerOf(send(client, { ":path": "/" })),
    answerOf(send(client, { ":method": "POST", ":path": "/s/M", ...headers }, "x")),
  ]);
  expect(answers[0]).toMatchObject({ status: 502, body: "Bad gateway\r\n" });
  expect(answers[1]).toMatchObject({ status: 200, headers: { "grpc-status": "14" } });
  expect(proxy.told.at(-1)).toMatchObject({ kind: "response", verdict: "error", content: { code: 502 } });
  await expect.poll(() => proxy.open).toBe(0);
  server.close();
});

test("a server that cannot be reached: 502, and the client is to come again by another connection", async () => {
  await using proxy = await FakeProxy.start(serveHttp2, { port: 1 }, httpEnds({}));
  const client = connectClient(proxy.port);
  const goaway = once(client, "goaway");
  expect(await answerOf(send(client, { ":path": "/" }))).toMatchObject({ status: 502 });
  await goaway;
  await expect.poll(() => proxy.open).toBe(0);
});

test("a connection without a byte is closed after the idle time, one with bytes is not", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("begin");
  });
  lab.proxy.limits = { ...lab.proxy.limits, idleTimeout: 400 };
  const [idle, busy] = [connectClient(lab.proxy.port), connectClient(lab.proxy.port)];
  const pings = setInterval(() => busy.ping(() => {}), 50);
  await once(send(idle, { ":path": "/" }), "data");
  await once(idle, "close");
  expect(busy.destroyed).toBe(false);
  clearInterval(pings);
  await once(busy, "close");
});
