import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { needs, unmet } from "#test/support/requirement.ts";
import { PageServer } from "./page-server.ts";

let server: PageServer;
let cookie: string;

beforeAll(async () => {
  if (unmet("dist") !== undefined) return;
  server = await PageServer.start();
  cookie = await server.cookie();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(needs("dist"));

const text = "/v1/policies/text?name=NetworkPolicy/shop/web";
const candidate = { candidate: { text: "kind: NetworkPolicy", file: "candidate.yaml" } };

test("a link lets one browser in, once, by a cookie that no script and no other site can use", async () => {
  const { token } = server.access.issue();
  const { status, headers, body } = await server.open(token);
  expect([status, body]).toEqual([204, ""]);
  expect(headers["set-cookie"]).toEqual([
    expect.stringMatching(new RegExp(`^weir-ui-${server.port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`)),
  ]);
  expect((await server.open(token)).status).toBe(401);
});

test("without a session there is nothing but the empty page", async () => {
  expect((await server.ask("GET", "/")).status).toBe(200);
  expect((await server.ask("GET", "/page.js")).headers["content-type"]).toBe("text/javascript; charset=utf-8");
  for (const wrong of [{}, { cookie: "weir-ui=x" }, { cookie: `weir-ui-${server.port}=` }]) {
    expect((await server.ask("GET", text, wrong)).status).toBe(401);
    expect((await server.ask("GET", "/v1/live", wrong)).status).toBe(401);
  }
  const { status, body } = await server.open("guessed");
  expect([status, JSON.parse(body)]).toEqual([
    401,
    {
      error: {
        code: "no-session",
        message: "open page: the link has been used, or is too old; ask for a new link: weir ui",
      },
    },
  ]);
});

test("who is let in can read, ask, and change nothing", async () => {
  const own = { cookie, origin: server.origin };
  expect((await server.ask("GET", text, own)).status).toBe(200);
  expect((await server.ask("GET", "/v1/live", own)).status).toBe(200);
  expect((await server.ask("POST", "/v1/policies/diff", own, candidate)).status).toBe(200);
  for (const [method, path] of [
    ["POST", "/v1/policies"],
    ["DELETE", "/v1/policies/object?name=NetworkPolicy/shop/web"],
    ["PATCH", "/v1/config"],
    ["POST", "/v1/cni"],
    ["POST", "/v1/prefilter"],
    ["POST", "/v1/page/links"],
    ["GET", "/metrics"],
  ] as const) {
    expect([path, (await server.ask(method, path, own, {})).status]).toEqual([path, 404]);
  }
});

test.each([
  ["another name for this address", { host: "evil.example:PORT" }],
  ["another port", { host: "127.0.0.1:1" }],
  ["no port", { host: "127.0.0.1" }],
  ["a page of another site", { origin: "https://evil.example" }],
  ["a page of another port", { origin: "http://127.0.0.1:1" }],
  ["a page without an origin", { origin: "null" }],
  ["what a browser calls another site's", { "sec-fetch-site": "cross-site" }],
  ["what a browser calls another port's", { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }],
] as const)("%s is refused, whatever it knows", async (_who, headers: Readonly<Record<string, string>>) => {
  const sent = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace("PORT", String(server.port))]),
  );
  expect((await server.ask("GET", "/", sent)).status).toBe(403);
  expect((await server.ask("GET", text, { cookie, ...sent })).status).toBe(403);
  expect((await server.open(server.access.issue().token, sent)).status).toBe(403);
});

test("what would be asked by a form, without an origin, is refused; a link from elsewhere is not", async () => {
  expect((await server.ask("POST", "/v1/policies/diff", { cookie }, candidate)).status).toBe(403);
  const visit = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  expect((await server.ask("GET", "/", visit)).status).toBe(200);
});

test.each(["cross-site", "same-site"])("a %s page that opens windows takes no place of a stream", async (site) => {
  const visit = { cookie, "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
  expect((await server.ask("GET", "/v1/live", visit)).status).toBe(403);
  expect((await server.ask("GET", text, visit)).status).toBe(403);
});

test("a cookie of the same name, from another port, does not end the session", async () => {
  const foreign = `weir-ui-${server.port}=${"x".repeat(43)}`;
  expect((await server.ask("GET", text, { cookie: `${foreign}; ${cookie}` })).status).toBe(200);
  expect((await server.ask("GET", text, { cookie: `${foreign}; ${foreign}` })).status).toBe(401);
});

test.each(["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])("this machine is known as %s", async (name) => {
  const host = `${name}:${server.port}`;
  const own = { host, origin: `http://${host}` };
  expect((await server.open(server.access.issue().token, own)).status).toBe(204);
});

test("every answer, refusals too, says what browsers may do with it", async () => {
  for (const [path, host] of [
    ["/", `127.0.0.1:${server.port}`],
    ["/v1/live", `127.0.0.1:${server.port}`],
    ["/nothing", "evil.example"],
  ] as const) {
    const { headers } = await server.ask("GET", path, { host });
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    const policy = String(headers["content-security-policy"]).split("; ");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy.join()).not.toContain("unsafe");
  }
});
