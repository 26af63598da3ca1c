import { expect, test } from "vitest";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { converse, RawClient, statuses } from "#test/support/raw-client.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";

const { server, port } = useRecordingServer();
const proxy = useHttp1Proxy(port);

const get = (path: string, ...fields: string[]) =>
  [`GET ${path} HTTP/1.1`, "Host: shop", ...fields, "", ""].join("\r\n");
const publicOnly = [httpEnd([{ method: "GET|POST", path: "/public/.*" }])];

test("what no rule allows is answered with 403, and never reaches the server", async () => {
  proxy.ends = publicOnly;
  const answer = await converse(proxy.port, get("/admin"));
  expect(answer).toBe(
    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nAccess denied\r\n",
  );
  expect(server.seen).toEqual([]);
});

test("a denial names the end and the policies that were asked, if that is wanted", async () => {
  proxy.ends = publicOnly;
  proxy.options = { namesDenier: true };
  const answer = await converse(proxy.port, get("/admin"));
  proxy.options = { namesDenier: false };
  expect(answer).toContain("\r\nx-weir-denied-by: egress, CiliumNetworkPolicy shop/web\r\n");
});

test("of pipelined requests each has its own answer, in order", async () => {
  proxy.ends = publicOnly;
  const paths = ["/public/1", "/admin", "/public/2", "/admin", "/admin", "/public/3"];
  const answer = await converse(proxy.port, paths.map((path) => get(path)).join(""));
  expect(statuses(answer)).toEqual([200, 403, 200, 403, 403, 200]);
  expect(server.seen.map(({ text }) => text)).toEqual(["GET /public/1 0", "GET /public/2 0", "GET /public/3 0"]);
});

test("the body of a denied request is not the next request", async () => {
  proxy.ends = publicOnly;
  const hidden = get("/public/hidden");
  const denied = `POST /admin HTTP/1.1\r\nHost: shop\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
  const chunked = `POST /admin HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
  const answer = await converse(proxy.port, denied + chunked + get("/public/next"));
  expect(statuses(answer)).toEqual([403, 403, 200]);
  expect(server.seen.map(({ text }) => text)).toEqual(["GET /public/next 0"]);
});

test("a change of rules reaches the next request of an open connection", async () => {
  proxy.ends = publicOnly;
  const client = await RawClient.open(proxy.port);
  client.send(get("/public/1"));
  await client.until((received) => received.endsWith("ok"));
  proxy.ends = [httpEnd([{ path: "/other" }])];
  client.send(get("/public/1"));
  await client.until((received) => statuses(received).length === 2);
  client.end();
  expect(statuses(await client.rest())).toEqual([200, 403]);
});

test("a connection that policy lets go on no more is closed at the next request, without an answer", async () => {
  const client = await RawClient.open(proxy.port);
  client.send(get("/"));
  await client.until((received) => received.endsWith("ok"));
  proxy.ends = null;
  client.send(get("/"));
  expect(statuses(await client.rest())).toEqual([200]);
});

test("both ends have to allow a request, and a plain one allows all", async () => {
  proxy.ends = [httpEnd([{ path: "/a" }]), httpEnd([{ path: "/a|/b" }], "destination")];
  expect(statuses(await converse(proxy.port, get("/a") + get("/b")))).toEqual([200, 403]);
  proxy.ends = [{ ...httpEnd([{ path: "/a" }]), isPlain: true }];
  expect(statuses(await converse(proxy.port, get("/a") + get("/b")))).toEqual([200, 200]);
});

test("a rule for a TLS name allows nothing without TLS", async () => {
  const [end] = publicOnly;
  proxy.ends = end ? [{ ...end, rules: end.rules.map((rule) => ({ ...rule, serverNames: ["shop"] })) }] : [];
  expect(statuses(await converse(proxy.port, get("/public/1")))).toEqual([403]);
});

test("HEAD is answered without a body, also a denial", async () => {
  proxy.ends = [httpEnd([{ path: "/public" }])];
  const head = (path: string) => get(path).replace("GET", "HEAD");
  const answer = await converse(proxy.port, head("/public") + head("/admin") + head("/public"));
  expect(statuses(answer)).toEqual([200, 403, 200]);
  expect(answer).not.toContain("denied");
});

test("rules change headers of what they allow", async () => {
  proxy.ends = [
    httpEnd([
      {
        headerMatches: [
          { name: "X-Role", value: "reader", mismatch: "REPLACE" },
          { name: "X-Debug", value: "no", mismatch: "DELETE" },
          { name: "X-Tag", value: "b", mismatch: "ADD" },
        ],
      },
    ]),
  ];
  await converse(proxy.port, get("/", "X-Role: admin", "X-ROLE: root", "X-Debug: yes", "X-Tag: a"));
  expect(server.seen[0]?.headers).toMatchObject({ "x-role": "reader", "x-tag": "a, b" });
  expect(server.seen[0]?.headers).not.toHaveProperty("x-debug");
});

test("a header that is not as its rule says is told of by its name", async () => {
  proxy.ends = [httpEnd([{ headerMatches: [{ name: "X-Role", value: "reader", mismatch: "LOG" }] }])];
  await converse(proxy.port, get("/", "X-Role: admin") + get("/", "X-Role: reader"));
  const requests = proxy.records.filter(({ kind }) => kind === "request");
  expect(requests[0]?.content).toMatchObject({ mismatches: ["x-role"] });
  expect(requests[1]?.content).not.toHaveProperty("mismatches");
  expect(server.seen[0]?.headers["x-role"]).toBe("admin");
});

test("requests and answers are told of, values of headers only where they are harmless", async () => {
  proxy.ends = publicOnly;
  await converse(proxy.port, get("/%70ublic/1?a=b", "Authorization: Bearer secret", "Accept: */*") + get("/admin"));
  expect(proxy.records).toMatchObject([
    {
      kind: "request",
      verdict: "forwarded",
      latency: null,
      source: { endpoint: 1, identity: 1000 },
      rules: [{ name: "web" }],
      content: {
        method: "GET",
        url: "http://shop/%70ublic/1?a=b",
        protocol: "HTTP/1.1",
        code: 0,
        headers: [
          { key: "Host", value: "shop" },
          { key: "Authorization", value: "[redacted]" },
          { key: "Accept", value: "*/*" },
        ],
      },
    },
    { kind: "response", verdict: "forwarded", latency: expect.any(Number), content: { code: 200 } },
    {
      kind: "request",
      verdict: "denied",
      deniedBy: "source",
      rules: [],
      content: { code: 403, url: "http://shop/admin" },
    },
  ]);
  expect(proxy.records.every(({ time }) => /^\d{19}$/.test(time))).toBe(true);
});
