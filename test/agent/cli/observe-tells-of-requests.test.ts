import { expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { addEvent, event, FakeContext, webRule } from "#test/agent/flows/fixture.ts";
import {
  addRequest,
  answer,
  deniedRequest,
  dns,
  http,
  kafka,
  request,
  tls,
} from "#test/agent/flows/request-fixture.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const udp = { ...request().tuple, protocol: "UDP", destinationPort: 53 } as const;

/** What there is to see beside a packet, each once, in this order. */
const requests = {
  get: request(),
  ok: answer({ ...http, code: 200 }),
  denied: deniedRequest({ content: { ...http, method: "POST", url: "http://db.shop/admin", code: 403 } }),
  broken: request({ verdict: "error", rules: [], content: { ...http, method: "", url: "", code: 400 } }),
  question: request({ tuple: udp, content: dns }),
  address: answer({ ...dns, ips: ["192.0.2.1"], cnames: ["edge.example.net."], ttl: 60 }, { tuple: udp }),
  nowhere: answer({ ...dns, rcode: 3 }, { tuple: udp }),
  hello: request({ content: tls }),
  nameless: deniedRequest({ content: { ...tls, serverName: null } }),
  produce: request({ content: kafka }),
  produced: answer({ ...kafka, errorCode: 29 }),
} satisfies Readonly<Record<string, RequestRecord>>;
type Name = keyof typeof requests;
const names = Object.keys(requests) as Name[];

async function observing(): Promise<ApiFixture> {
  const context = new FakeContext();
  const ring = new FlowRing(context, 16);
  addEvent(ring, event());
  const begin = context.wallNanoseconds(0n);
  for (const [second, name] of names.entries()) {
    addRequest(ring, { ...requests[name], time: (begin + BigInt(second) * 1_000_000_000n).toString() });
  }
  return ApiFixture.start({ flows: new FlowReader(ring, context) });
}

const observe = (api: ApiFixture, ...argv: readonly string[]): Promise<Outcome> => weir(api.runDir, "observe", ...argv);

function namesOf(stdout: string): (Name | undefined)[] {
  const flows = stdout.split("\n").filter((line) => line !== "");
  return flows.map((line) => names[new Date((JSON.parse(line) as Flow).time).getSeconds()]);
}

test.each<[line: string, wanted: readonly Name[]]>([
  ["", names],
  ["--verdict dropped", ["denied", "nameless"]],
  ["--verdict error", ["broken"]],
  ["--drop-reason-desc policy_denied", ["denied", "nameless"]],
  ["--protocol http", ["get", "ok", "denied", "broken"]],
  ["--protocol DNS,kafka", ["question", "address", "nowhere", "produce", "produced"]],
  ["--protocol tls", ["hello", "nameless"]],
  ["--protocol udp", ["question", "address", "nowhere"]],
  ["--http-method post", ["denied"]],
  ["--http-status 200", ["ok"]],
  ["--http-status 4xx", ["denied", "broken"]],
  ["--http-status 40+", ["denied", "broken"]],
  ["--http-path ^/items$", ["get", "ok"]],
  ["--http-url [?]id=", ["get", "ok"]],
  ["--http-header host:db.shop --http-status 403", ["denied"]],
  ["--http-header Authorization --http-method GET", ["get", "ok"]],
  ["--not --http-method GET --protocol http", ["denied", "broken"]],
  ["--dns-query example[.]com[.]$", ["question", "address", "nowhere"]],
  ["--dns-query org", []],
  ["--reply", ["ok", "address", "nowhere", "produced"]],
  ["--from-pod shop/db --http-status 200", ["ok"]],
  ["--to-port 53", ["question"]],
  ["--policy shop/db --protocol http", ["get", "ok"]],
  ["--type drop", []],
])("weir observe --type l7 %s", async (line, wanted) => {
  await using api = await observing();
  const { exitCode, stdout, stderr } = await observe(
    api,
    "-o",
    "json",
    "--type",
    "l7",
    ...line.split(" ").filter(Boolean),
  );
  const found = line === "--type drop" ? names : wanted;
  expect([namesOf(stdout), stderr, exitCode]).toEqual([found, "", 0]);
});

test("what packets were dropped is asked for without requests", async () => {
  await using api = await observing();
  const { stdout } = await observe(api, "-o", "json", "--type", "drop");
  expect(stdout).toBe("");
});

test("compact is a line as Hubble's command line writes it", async () => {
  await using api = await observing();
  const { stdout } = await observe(api, "-o", "compact", "--type", "l7");
  const [there, back] = ["shop/web-1:40000 (ID:20481) -> shop/db-0", "shop/web-1:40000 (ID:20481) <- shop/db-0"];
  expect(stdout.split("\n").map((line) => line.replace(/^2026-01-31T12:00:\d\d\.000Z: /, ""))).toEqual([
    `${there}:80 (ID:20482) http-request EGRESS FORWARDED (HTTP/1.1 GET http://db.shop/items?id=7)`,
    `${back}:80 (ID:20482) http-response EGRESS FORWARDED (HTTP/1.1 200 3ms (GET http://db.shop/items?id=7))`,
    `${there}:80 (ID:20482) http-request INGRESS DROPPED (HTTP/1.1 POST http://db.shop/admin 403)`,
    `${there}:80 (ID:20482) http-request EGRESS ERROR (HTTP/1.1 400)`,
    `${there}:53 (ID:20482) dns-request EGRESS FORWARDED (DNS Query api.example.com. A)`,
    `${back}:53 (ID:20482) dns-response EGRESS FORWARDED (DNS Answer "192.0.2.1" CNAMEs: "edge.example.net." TTL: 60 (Proxy api.example.com. A))`,
    `${back}:53 (ID:20482) dns-response EGRESS FORWARDED (DNS Answer RCode: Non-Existent Domain (Proxy api.example.com. A))`,
    `${there}:80 (ID:20482) tls-request EGRESS FORWARDED (TLS ClientHello api.example.com)`,
    `${there}:80 (ID:20482) tls-request INGRESS DROPPED (TLS ClientHello without a server name)`,
    `${there}:80 (ID:20482) kafka-request EGRESS FORWARDED (Kafka produce correlation id 42 topic 'orders,audit')`,
    `${back}:80 (ID:20482) kafka-response EGRESS FORWARDED (Kafka produce 3ms correlation id 42 topic 'orders,audit' return code 29)`,
    "",
  ]);
});

test("the table says what was asked, what became of it, and which rule came nearest", async () => {
  await using api = await observing();
  const { stdout } = await observe(api, "--type", "l7", "--protocol", "http", "--last", "3");
  expect(stdout.split("\n")).toEqual([
    "2026-01-31T12:00:01.000Z  FORWARDED  shop/web-1:40000 <- shop/db-0:80  HTTP/1.1 200 3ms (GET http://db.shop/items?id=7)  NetworkPolicy shop/web egress[0] (web.yaml:14); NetworkPolicy shop/db ingress[0] (db.yaml:9)",
    "2026-01-31T12:00:02.000Z  DROPPED    shop/web-1:40000 -> shop/db-0:80  HTTP/1.1 POST http://db.shop/admin 403  ingress: no rule allows the request; nearest: NetworkPolicy shop/db ingress[0] (db.yaml:9): http is not what it asks for",
    "2026-01-31T12:00:03.000Z  ERROR      shop/web-1:40000 -> shop/db-0:80  HTTP/1.1 400  the request could not be understood or delivered",
    "",
  ]);
});

test("headers that are not as the rule says are named where the rule lets them pass", async () => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 16);
  addRequest(ring, request({ rules: [webRule], content: { ...http, mismatches: ["x-shop", "x-tenant"] } }));
  await using api = await ApiFixture.start({ flows: new FlowReader(ring, context) });
  const { stdout } = await observe(api);
  expect(stdout).toContain("NetworkPolicy shop/web egress[0] (web.yaml:14); not as the rule says: x-shop, x-tenant\n");
});

test("no text of a request commands a terminal, in whichever form it is written", async () => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 16);
  const evil = "\u001b]0;owned\u0007\u202e\r\n\u009b2J";
  addRequest(
    ring,
    request({ content: { ...http, method: evil, url: `http://db/${evil}`, headers: [{ key: evil, value: evil }] } }),
  );
  addRequest(ring, request({ content: { ...dns, query: evil, qtypes: [evil] } }));
  addRequest(ring, request({ content: { ...tls, serverName: evil } }));
  addRequest(ring, request({ content: { ...kafka, clientId: evil, topics: [evil] } }));
  await using api = await ApiFixture.start({ flows: new FlowReader(ring, context) });
  for (const format of ["table", "compact", "dict"]) {
    const { stdout } = await observe(api, "-o", format);
    // eslint-disable-next-line no-control-regex
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    expect(stdout.split("\n").length).toBe(format === "dict" ? 4 * 10 + 1 : 5);
  }
  const { stdout } = await observe(api, "-o", "json");
  expect(stdout.split("\n")).toHaveLength(5);
  // eslint-disable-next-line no-control-regex
  expect(stdout.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f]/);
});
