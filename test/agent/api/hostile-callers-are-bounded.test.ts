import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { ApiFixture, codeOf } from "./api-fixture.ts";

const mebibyte = 1 << 20;

/** What a connection brings until it is closed. */
function readAll(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => (text += piece));
  socket.on("error", () => socket.destroy()); // a reset is an end, too
  socket.on("close", () => resolve(text));
  return promise;
}

test("a body past the limit is refused, however much of it comes", async () => {
  await using api = await ApiFixture.start();
  const answer = await api.request("PATCH", "/v1/config", Buffer.alloc(mebibyte + 1, 0x20));
  expect([answer.status, codeOf(answer.body)]).toEqual([413, "too-large"]);
});

test("policy objects may be larger than other bodies", async () => {
  await using api = await ApiFixture.start();
  const change = await api.client.applyPolicy({ text: " ".repeat(2 * mebibyte), file: "large.yaml" });
  expect(change.revision).toBe(42);
});

test("an endless body ends the connection", async () => {
  await using api = await ApiFixture.start();
  const socket = connect(api.socket);
  const text = readAll(socket);
  socket.write("POST /v1/evaluate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(mebibyte), Buffer.from("\r\n")]);
  const pump = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", pump);
  pump();
  expect(await text).not.toMatch(/^HTTP\/1.1 2/);
});

test("headers that never end, and a body that never comes, are cut off", async () => {
  await using api = await ApiFixture.start({}, { headers: 50, request: 50, check: 10 });
  const starts = [
    "GET /v1/status HTTP/1.1\r\nHost: a\r\n",
    "POST /v1/policies HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
  ];
  for (const start of starts) {
    const socket = connect(api.socket);
    socket.write(start);
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 408 /);
  }
});

test("a connection that asks nothing more is closed", async () => {
  await using api = await ApiFixture.start({}, { idle: 50 });
  const socket = connect(api.socket);
  socket.write("GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200 /);
});

test("headers past their limit, and what is not HTTP, are refused", async () => {
  await using api = await ApiFixture.start();
  for (const text of [`GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "\0\x01\x02\r\n\r\n"]) {
    const socket = connect(api.socket);
    socket.write(text);
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 4/);
  }
});

test("requests that wait cannot keep others from being served", async () => {
  await using api = await ApiFixture.start({}, { pools: { call: 2, wait: 1, stream: 1 } });
  const stop = new AbortController();
  const waiting = api.client.waitRevision(99, stop.signal);
  // The place is taken when the second one is refused.
  const second = (): Promise<string> =>
    api.client.waitRevision(99, AbortSignal.timeout(100)).then(String, (error: Error) => error.message);
  while (!(await second()).includes("being served"));
  expect((await api.client.status()).state).toBe("ok");
  stop.abort();
  await expect(waiting).rejects.toThrow(/abort/);
});
