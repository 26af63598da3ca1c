import { once } from "node:events";
import { expect, test } from "vitest";
import type { EndRules } from "#agent/proxy/rule-book.ts";
import { httpEnds, proxyRule } from "#test/support/fake-proxy.ts";
import type { Serve } from "./http2-lab.ts";
import { Http2Lab, send } from "./http2-lab.ts";

const hello: Serve = (stream) => {
  stream.respond({ ":status": 200 });
  stream.end("hello");
};

test("a denied request is answered 403 and reaches no server; the session goes on", async () => {
  await using lab = await Http2Lab.start(httpEnds({ method: "GET", path: "/public" }), hello);
  expect(await lab.request({ ":path": "/secret" })).toMatchObject({ status: 403, body: "Access denied\r\n", code: 0 });
  expect(await lab.request({ ":method": "POST", ":path": "/public" }, "x".repeat(200_000))).toMatchObject({
    status: 403,
  });
  expect(lab.proxy.calls).toBe(0);
  expect(await lab.request({ ":path": "/public" })).toMatchObject({ status: 200, body: "hello" });
});

test("a rule that comes or goes counts for the next stream of an open session", async () => {
  await using lab = await Http2Lab.start(httpEnds({ path: "/a" }), hello);
  expect(await lab.request({ ":path": "/a" })).toMatchObject({ status: 200 });
  lab.proxy.ends = httpEnds({ path: "/b" });
  expect(await lab.request({ ":path": "/a" })).toMatchObject({ status: 403 });
  expect(await lab.request({ ":path": "/b" })).toMatchObject({ status: 200 });
  expect(lab.proxy.calls).toBe(1);
});

test("a connection that may not go on any more is cut at the next stream", async () => {
  await using lab = await Http2Lab.start(httpEnds({}), hello);
  expect(await lab.request({ ":path": "/" })).toMatchObject({ status: 200 });
  lab.proxy.ends = null;
  const closed = once(lab.client, "close");
  send(lab.client, { ":path": "/" });
  await closed;
  await expect.poll(() => lab.proxy.open).toBe(0);
});

test("the path is judged in the spelling in which it is forwarded", async () => {
  const paths: unknown[] = [];
  await using lab = await Http2Lab.start(httpEnds({ path: "/public/.*" }), (stream, headers, raw) => {
    paths.push(headers[":path"]);
    hello(stream, headers, raw);
  });
  expect(await lab.request({ ":path": "/public/../secret" })).toMatchObject({ status: 403 });
  expect(await lab.request({ ":path": "/public/%2e%2e/secret" })).toMatchObject({ status: 403 });
  expect(await lab.request({ ":path": "//public/./%61?q" })).toMatchObject({ status: 200 });
  expect(paths).toEqual(["/public/a?q"]);
});

test("headers are changed as the rule says, and judged as they are forwarded", async () => {
  const seen: unknown[] = [];
  const ends = httpEnds({
    headers: ["x-user: ann"],
    headerMatches: [
      { name: "x-tenant", value: "blue", mismatch: "REPLACE" },
      { name: "x-added", value: "yes", mismatch: "ADD" },
      { name: "x-debug", value: "off", mismatch: "DELETE" },
    ],
  });
  await using lab = await Http2Lab.start(ends, (stream, headers, raw) => {
    seen.push([headers["x-tenant"], headers["x-added"], headers["x-debug"], headers.cookie, headers["x-list"]]);
    hello(stream, headers, raw);
  });
  const request = {
    ":path": "/",
    "x-user": "ann",
    "x-tenant": "red",
    "x-debug": "on",
    cookie: ["a=1", "b=2"],
    "x-list": ["1", "2"],
  };
  expect(await lab.request(request)).toMatchObject({ status: 200 });
  expect(seen).toEqual([["blue", "yes", undefined, "a=1; b=2", "1, 2"]]);
  expect(await lab.request({ ...request, "x-user": ["ann", "eve"] })).toMatchObject({ status: 403 });
});

test("both ends have to allow a request; a plain end does", async () => {
  const [source] = httpEnds({ path: "/a" });
  const [other] = httpEnds({ path: "/b" });
  const destination = { ...(other as EndRules), end: "destination" as const };
  await using lab = await Http2Lab.start([source as EndRules, destination], hello);
  expect(await lab.request({ ":path": "/a" })).toMatchObject({ status: 403 });
  expect(lab.proxy.told.at(-1)).toMatchObject({ verdict: "denied", deniedBy: "destination", rules: [] });
  lab.proxy.ends = [source as EndRules, { ...destination, isPlain: true }];
  expect(await lab.request({ ":path": "/a" })).toMatchObject({ status: 200 });
});

test("a rule of another family, or of server names alone, allows no request", async () => {
  const rules = [proxyRule("dns", { l7: { family: "dns", rules: [] } }), proxyRule("tls", { serverNames: ["web"] })];
  await using lab = await Http2Lab.start([{ end: "source", isPlain: false, rules }], hello);
  expect(await lab.request({ ":path": "/" })).toMatchObject({ status: 403 });
});

test("every request and every answer is told of", async () => {
  await using lab = await Http2Lab.start(httpEnds({ path: "/a" }), hello);
  await lab.request({ ":path": "/a", ":authority": "web" });
  await lab.request({ ":path": "/b", ":authority": "web" });
  const url = "http://web/a";
  expect(lab.proxy.told).toMatchObject([
    {
      kind: "request",
      verdict: "forwarded",
      latency: null,
      rules: [{ name: "allowed" }],
      content: { protocol: "HTTP/2", method: "GET", url, code: 0 },
    },
    { kind: "response", verdict: "forwarded", rules: [{ name: "allowed" }], content: { url, code: 200 } },
    { kind: "request", verdict: "denied", deniedBy: "source", rules: [], content: { url: "http://web/b", code: 403 } },
  ]);
  expect(lab.proxy.told[1]?.latency).toBeGreaterThan(0);
});
