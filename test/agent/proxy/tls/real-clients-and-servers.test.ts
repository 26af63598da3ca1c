import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { serveTls } from "#agent/proxy/tls/serve.ts";
import { FakeProxy, endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { TlsServer, curl, sClient, sClientUntil } from "#test/support/tls-server.ts";

const rule = proxyRule("names", { serverNames: ["a.test", "**.b.test"] });
let server: TlsServer;
let proxy: FakeProxy;

beforeAll(async () => {
  // Others than the clients begin with: it asks them for a second hello.
  server = await TlsServer.start(["-www", "-groups", "P-384:X25519:P-256"]);
  proxy = await FakeProxy.start(serveTls, server, [endRules([rule])]);
});

beforeEach(() => {
  proxy.told.length = 0;
  proxy.ends = [endRules([rule])];
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const told = () => proxy.told.map(({ verdict, content }) => ({ verdict, content }));
const tls = (serverName: string | null) => ({ family: "tls", serverName });

test.each(["a.test", "A.TEST", "x.b.test", "x.y.b.test"])("curl gets a page of %s", async (name) => {
  const { code, output } = await curl(proxy.port, name);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("Cipher") });
  expect(proxy.told).toMatchObject([{ verdict: "forwarded", rules: [rule.description], deniedBy: null }]);
});

test.each(["b.test", "a.test.evil.test", "xa.test", "c.test"])("curl is told that policy denies %s", async (name) => {
  const { code, output } = await curl(proxy.port, name);
  expect({ code, output }).toMatchObject({ code: 35, output: expect.stringMatching(/alert access denied/) });
  expect(told()).toEqual([{ verdict: "denied", content: tls(name) }]);
});

test("curl by an address asks for no name, and is denied", async () => {
  expect(await curl(proxy.port, "127.0.0.1")).toMatchObject({ code: 35 });
  expect(told()).toEqual([{ verdict: "denied", content: tls(null) }]);
});

test("what a request says inside is nothing to a rule about names: only what the hello asks for counts", async () => {
  expect(await curl(proxy.port, "c.test", ["--header", "Host: a.test"])).toMatchObject({ code: 35 });
  expect(await curl(proxy.port, "a.test", ["--header", "Host: c.test"])).toMatchObject({ code: 0 });
});

test.each([
  ["TLS 1.3, and a second hello", ["-tls1_3", "-groups", "P-521:P-384"]],
  ["TLS 1.3, with a share that the server takes", ["-tls1_3", "-groups", "P-384"]],
  ["TLS 1.2", ["-tls1_2"]],
])("openssl s_client by %s", async (_, args) => {
  const { code, output } = await sClient(proxy.port, ["-servername", "a.test", "-msg", ...args]);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("Cipher") });
  expect(output.match(/ClientHello/g)).toHaveLength(args.includes("P-521:P-384") ? 2 : 1);
  expect(told()).toEqual([{ verdict: "forwarded", content: tls("a.test") }]);
});

test("openssl s_client without a name is denied", async () => {
  const { code, output } = await sClient(proxy.port, ["-noservername"]);
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining("alert access denied") });
});

test("a session of TLS 1.2 is resumed", async () => {
  const session = server.folder.join("session");
  const args = ["-servername", "a.test", "-tls1_2"];
  await sClient(proxy.port, [...args, "-sess_out", session]);
  const { output } = await sClient(proxy.port, [...args, "-sess_in", session]);
  expect(output).toMatch(/Reused, TLSv1.2/);
});

test("early data of TLS 1.3 comes with the hello", async () => {
  await using server = await TlsServer.start(["-early_data"]);
  await using proxy = await FakeProxy.start(serveTls, server, [endRules([rule])]);
  const [session, early] = [server.folder.join("session"), server.folder.join("early")];
  writeFileSync(early, "as early as can be");
  const args = ["-servername", "a.test", "-tls1_3"];
  await sClientUntil(proxy.port, [...args, "-sess_out", session], () => existsSync(session));
  const isKnown = (output: string): boolean => output.includes("Early data was");
  const output = await sClientUntil(proxy.port, [...args, "-sess_in", session, "-early_data", early], isKnown);
  expect(output).toContain("Early data was accepted");
});
