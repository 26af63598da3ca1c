import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import type { DnsAnswer } from "#agent/proxy/names.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { RedirectScene } from "#test/support/redirect-scene.ts";

const record: RequestRecord = {
  time: "1",
  tuple: {
    protocol: "TCP",
    sourceAddress: "10.0.0.2",
    sourcePort: 1,
    destinationAddress: "10.0.0.3",
    destinationPort: 80,
  },
  source: { endpoint: 2, identity: 256 },
  destination: { endpoint: 3, identity: 257 },
  verdict: "forwarded",
  rules: [],
  deniedBy: null,
  kind: "request",
  latency: null,
  content: { family: "tls", serverName: "example.com" },
};

test("records are passed on once, and the proxy is told that they are read", async () => {
  await using scene = new RedirectScene();
  const proxy = await scene.proxy();
  scene.agent();
  await until("the agent", () => proxy.heard.some(({ type }) => type === "attach"));
  proxy.say({ type: "records", sequence: 1, lost: 3, records: [record, record] });
  proxy.say({ type: "records", sequence: 1, lost: 3, records: [record, record] });
  proxy.say({ type: "records", sequence: 2, lost: 0, records: [record] });
  await until("all to be read", () => proxy.heard.filter(({ type }) => type === "read").length === 3);
  expect(scene.records).toEqual([
    { records: [record, record], lost: 3 },
    { records: [record], lost: 0 },
  ]);
});

test("what an answer of DNS needs is asked of the names, and answered", async () => {
  const answer = { name: "example.com", addresses: [{ address: "192.0.2.1", ttl: 60 }], endpoint: 2 };
  const asked: DnsAnswer[] = [];
  const admit = (one: DnsAnswer): Promise<"refused"> => {
    asked.push(one);
    return Promise.resolve("refused");
  };
  await using scene = new RedirectScene({ admit });
  const proxy = await scene.proxy();
  scene.agent();
  await until("the agent", () => proxy.heard.some(({ type }) => type === "attach"));
  proxy.say({ type: "admit", id: 9, answer });
  await until("the answer", () => proxy.heard.some(({ type }) => type === "admitted"));
  expect(asked).toEqual([answer]);
  expect(proxy.heard.at(-1)).toEqual({ type: "admitted", id: 9, admission: "refused" });
});

test("every proxy is told what rules say of names, when that changes or when it comes, and what it hears is passed on", async () => {
  await using scene = new RedirectScene();
  const [first, agent] = [await scene.proxy(), scene.agent()];
  const rules = { patterns: ["*.test"], generation: "7", outside: [2], grantsInside: false, classes: [] };
  const said = (proxy: typeof first) => proxy.heard.filter(({ type }) => type === "names");
  agent.speakOf(rules);
  agent.speakOf({ ...rules });
  const told = { type: "names", rules: { ...rules, minTtl: 30, denial: "nxdomain" } };
  await until("it to be told", () => said(first).length > 0);
  const second = await scene.proxy();
  await until("the other to be told", () => said(second).length > 0);
  expect([said(first), said(second)]).toEqual([[told], [told]]);
  const answer = { name: "a.test", addresses: [{ address: "192.0.2.1", ttl: 60 }], endpoint: 2 };
  second.say({ type: "heard", answer });
  await until("it to be heard", () => scene.heard.length > 0);
  expect(scene.heard).toEqual([answer]);
});

test("what the proxy counts is a part of the state", async () => {
  await using scene = new RedirectScene();
  const proxy = await scene.proxy();
  const agent = scene.agent();
  await until("the agent", () => proxy.heard.some(({ type }) => type === "attach"));
  const none = { refused: 0, unknown: 0, late: 0, idle: 0, unrecognised: 0, unreachable: 0, otherPort: 0 };
  const counts = { workers: 2, replaced: 0, open: 3, accepted: 5, lostRecords: 1, foreign: 0, unanswered: 0, ...none };
  proxy.say({ type: "counts", counts });
  await until("the counts", () => agent.state.counts !== null);
  expect(agent.state.counts).toEqual(counts);
});
