import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";
import { Http2Lab, answerOf, connectClient, send } from "./http2-lab.ts";

test("heads, content and trailers pass both ways, early hints before the answer", async () => {
  await using lab = await Http2Lab.start(httpEnds({ path: "/echo" }), (stream, headers) => {
    stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
    stream.respond(
      { ":status": 201, "x-tenant": headers["x-tenant"], "set-cookie": ["a=1", "b=2"] },
      { waitForTrailers: true },
    );
    let given: unknown;
    stream.on("trailers", (trailers) => (given = trailers["x-sum"]));
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": `${String(given)}!` }));
    stream.pipe(stream);
  });
  const head = { ":method": "POST", ":path": "/echo", "x-tenant": "blue" };
  const stream = lab.client.request(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
  const hints: unknown[] = [];
  stream.on("headers", (hint) => hints.push(hint.link));
  stream.end("content");
  const answer = await answerOf(stream);
  expect(answer).toMatchObject({ status: 201, body: "content", code: 0, trailers: { "x-sum": "7!" } });
  expect(answer.headers).toMatchObject({ "x-tenant": "blue", "set-cookie": ["a=1", "b=2"] });
  expect(hints).toEqual(["</style.css>"]);
});

test("bytes that were read to find out the protocol, and put back, are the first", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("fine");
  });
  const server = { port: (lab.server.address() as AddressInfo).port };
  await using proxy = await FakeProxy.start(
    async (connection) => {
      const { client } = connection;
      client.resume();
      const [bytes] = (await once(client, "data")) as [Buffer];
      client.pause().unshift(bytes);
      await serveHttp2(connection);
    },
    server,
    httpEnds({}),
  );
  const client = connectClient(proxy.port);
  expect(await answerOf(send(client, { ":path": "/" }))).toMatchObject({ status: 200, body: "fine" });
  client.destroy();
});

test("a client that waits for 100 gets it from the server", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.additionalHeaders({ ":status": 100 });
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const stream = lab.client.request({ ":method": "POST", ":path": "/", expect: "100-continue" });
  await once(stream, "continue");
  stream.end("now");
  expect(await answerOf(stream)).toMatchObject({ status: 200, body: "now" });
});

test.each([
  ["HEAD", 200],
  ["GET", 204],
  ["GET", 304],
])("%s answered by %d has no content", async (method, status) => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": status });
    stream.end();
  });
  expect(await lab.request({ ":method": method, ":path": "/" })).toMatchObject({ status, body: "", code: 0 });
});

test("1,000 streams of one session are answered, each by its own rule", async () => {
  await using lab = await Http2Lab.start(httpEnds({ path: "/even/.*" }), (stream, headers) => {
    stream.respond({ ":status": 200 });
    stream.end(headers[":path"]);
  });
  const paths = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? `/even/${i}` : `/odd/${i}`));
  const answers = await Promise.all(paths.map((path) => lab.request({ ":path": path })));
  for (const [i, { status, body }] of answers.entries()) {
    expect([status, body]).toEqual(i % 2 === 0 ? [200, paths[i]] : [403, "Access denied\r\n"]);
  }
  expect(lab.proxy.calls).toBe(1);
});

test("both directions of a stream go on at the same time", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), (stream) => {
    stream.respond({ ":status": 200 });
    stream.on("data", (chunk: Buffer) => stream.write(`${chunk.toString()}!`));
    stream.on("end", () => stream.end("bye"));
  });
  const stream = lab.client.request({ ":method": "POST", ":path": "/" });
  for (const word of ["one", "two", "three"]) {
    stream.write(word);
    expect(String(await once(stream, "data"))).toBe(`${word}!`);
  }
  stream.end();
  expect(await answerOf(stream)).toMatchObject({ body: "bye", code: 0 });
});

test("a client that does not read stops the server, and other streams go on", async () => {
  const chunk = Buffer.alloc(16_384);
  let written = 0;
  await using lab = await Http2Lab.start(httpEnds({}), (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] === "/short") return void stream.end("short");
    const write = (): void => {
      while (written < 64 << 20 && stream.write(chunk)) written += chunk.length;
      if (written < 64 << 20) stream.once("drain", write);
      else stream.end();
    };
    write();
  });
  const slow = send(lab.client, { ":path": "/long" });
  await once(slow, "response");
  slow.pause();
  let before = -1;
  await until(
    "the server to stop",
    () => {
      const isSame = written === before && written > 0;
      before = written;
      return isSame;
    },
    { every: 100 },
  );
  expect(written).toBeLessThan(2 << 20);
  expect(await lab.request({ ":path": "/short" })).toMatchObject({ body: "short" });
  slow.destroy();
});
