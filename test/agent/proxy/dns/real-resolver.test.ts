import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DnsLab, resolverAddress } from "#test/support/dns-lab.ts";
import { dnsRules } from "#test/support/dns-rules.ts";
import { needs, unmet } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

const texts = Array.from({ length: 20 }, (_, i) => `--txt-record=many.test,${String(i).padStart(100, "x")}`);

let lab: DnsLab;
beforeAll(async () => {
  if (unmet("root", "namespaces") !== undefined) return;
  lab = await DnsLab.start();
  await lab.setRules(dnsRules("*.test", "**.example.org"));
  await lab.serveNames([
    "--host-record=a.test,192.0.2.1,2001:db8::1,60",
    "--cname=b.test,a.test,30",
    "--cname=c.test,b.test,90",
    "--host-record=secret.example,192.0.2.9",
    "--ptr-record=1.2.0.192.in-addr.arpa,a.test",
    ...Array.from({ length: 500 }, (_, i) => `--host-record=n${i}.test,198.51.100.${i % 250}`),
    ...texts,
  ]);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

async function dig(...args: string[]): Promise<string> {
  const all = [`@${resolverAddress[4]}`, "+tries=1", "+timeout=5", ...args];
  const { stdout, stderr, exitCode } = await lab.client.start("dig", all);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
}

test.each([
  [["+short", "a.test"], "192.0.2.1\n"],
  [["+short", "A.TesT", "AAAA"], "2001:db8::1\n"],
  [["+short", "c.test"], "b.test.\na.test.\n192.0.2.1\n"],
  [["+short", "+tcp", "c.test"], "b.test.\na.test.\n192.0.2.1\n"],
  [["+short", "+noedns", "a.test"], "192.0.2.1\n"],
])("dig %j", async (args, output) => {
  expect(await dig(...args)).toBe(output);
});

test("over IPv6, the same", async () => {
  const { stdout } = await lab.client.start("dig", [`@${resolverAddress[6]}`, "+short", "a.test", "+tcp", "b.test"]);
  expect(stdout).toContain("192.0.2.1\n");
});

test.each([["+notcp"], ["+tcp"]])(
  "a name that no rule means is refused, and one that does not exist does not (dig %s)",
  async (way) => {
    expect(await dig(way, "secret.example")).toMatch(/status: REFUSED.*\n.*ANSWER: 0/);
    expect(await dig(way, "1.2.0.192.in-addr.arpa", "PTR")).toMatch("status: REFUSED");
    expect(await dig(way, "CH", "TXT", "version.bind")).toMatch("status: REFUSED");
    expect(await dig(way, "none.test")).toMatch("status: NXDOMAIN");
  },
);

test("EDNS reaches the resolver and comes back, also with a refusal", async () => {
  expect(await dig("+bufsize=1000", "+nsid", "a.test")).toMatch(/EDNS: version: 0.*\n(.*\n)*.*a\.test\.\s+60\s+IN\s+A/);
  expect(await dig("secret.example")).toMatch("EDNS: version: 0");
  expect(await dig("+noedns", "secret.example")).not.toMatch("EDNS");
});

test("what does not fit into a datagram is asked for again by TCP", async () => {
  expect(await dig("+ignore", "+noedns", "many.test", "TXT")).toMatch(/flags:[^;]* tc/);
  const whole = await dig("+noedns", "many.test", "TXT");
  expect(whole).toMatch("retrying in TCP mode");
  expect(whole.match(/^many\.test\./gm)).toHaveLength(texts.length);
});

test("the chain's addresses are told of under the name that was asked for", async () => {
  lab.forget();
  await dig("c.test");
  expect((await lab.next("asked")).answer).toEqual({
    name: "c.test",
    addresses: [{ address: "192.0.2.1", ttl: 30 }],
    endpoint: 7,
  });
});

test("of several queries in one connection each is decided", async () => {
  const output = await dig("+tcp", "+keepopen", "+short", "a.test", "secret.example", "b.test");
  expect(output).toBe("192.0.2.1\na.test.\n192.0.2.1\n");
});

test("many queries at once are all answered", async () => {
  const names = Array.from({ length: 2000 }, (_, i) => `n${i % 500}.test A\n`).join("");
  const args = ["-s", resolverAddress[4], "-c", "20", "-q", "50"];
  const { stdout } = await lab.client.start("dnsperf", args, { input: names });
  expect(stdout).toMatch(/Queries completed:\s+2000 \(100\.00%\)/);
  expect(stdout).toMatch(/Response codes:\s+NOERROR 2000 \(100\.00%\)/);
});
