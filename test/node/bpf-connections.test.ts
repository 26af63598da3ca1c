import { expect, test } from "vitest";
import type { BpfConnection, BpfFlush, BpfMapping } from "#agent/api/bpf-views.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const from = (...names: string[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: names.map(app) }] });

const node = useNode({ objects: { "server.yaml": from("client", "other") } });
const pods = usePods(node, ["server", "client", "other"]);
let client: EndpointView;

prepare(async () => {
  await pods.server.traffic.serve("TCP", 80, "echo");
  const found = (await node().client.endpoints()).find(({ pod }) => pod === "client");
  client = found as EndpointView;
});

const list = (...filters: string[]) => node().read<BpfConnection[]>("bpf", "ct", "list", ...filters);
const ends = () => ["--source", pods.client.ipv4, "--destination", `${pods.server.ipv4}:80`];

test("a connection that a new policy has cut is shown so until it is allowed again", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80, "TCP"), {});
  await goesOn(stream);
  expect((await list(...ends())).map(({ state }) => state)).toEqual(["open"]);
  await node().changeObjects("server.yaml", from("other"));
  await until("the connection to be cut", async () => (await list(...ends()))[0]?.state === "cut");
  await node().changeObjects("server.yaml", from("client", "other"));
  await goesOn(stream);
  expect((await list(...ends())).map(({ state }) => state)).toEqual(["open"]);
});

test("get: one connection by its ends; exit 4 where there is none", async () => {
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4100 });
  const [source, destination] = [`${pods.client.ipv4}:4100`, `${pods.server.ipv4}:80`];
  const found = await node().read<BpfConnection>("bpf", "ct", "get", "TCP", source, destination);
  expect(found).toMatchObject({ source: pods.client.ipv4, sourcePort: 4100, from: { verdict: "allow" } });
  const missing = await node().weir("bpf", "ct", "get", "UDP", source, destination);
  expect([missing.code, missing.stderr]).toEqual([4, "weir bpf ct get: there is no such connection\n"]);
});

test("flush: those of one end are forgotten, and of an endpoint; others stay", async () => {
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4200 });
  await expectTraffic(pods.other, pods.server, 80, "answered", { sourcePort: 4300 });
  await expectTraffic(pods.other, pods.client, 80, "refused", { sourcePort: 4301 });
  const ports = async () => (await list()).map(({ sourcePort }) => sourcePort);
  const flush = (...filters: string[]) => node().read<BpfFlush>("bpf", "ct", "flush", ...filters);
  expect(await flush("--source", `${pods.client.ipv4}:4200`, "--protocol", "tcp")).toEqual({ entries: 1 });
  expect(await ports()).toEqual(expect.arrayContaining([4300, 4301]));
  expect(await ports()).not.toContain(4200);
  expect((await flush("--endpoint", String(client.id))).entries).toBeGreaterThan(0);
  expect(await ports()).toContain(4300);
  expect(await ports()).not.toContain(4301);
  await flush();
  expect(await ports()).toEqual([]);
  // What is forgotten begins anew.
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4200 });
});

test("an endpoint that there is none of, and an address that is none, are refused", async () => {
  const unknown = await node().weir("bpf", "ct", "flush", "--endpoint", "60000");
  expect([unknown.code, unknown.stderr]).toEqual([4, "weir bpf ct flush: find endpoint 60000: there is none\n"]);
  const listed = await node().weir("bpf", "nat", "list", "--endpoint", "60000");
  expect(listed.code).toBe(4);
  expect((await node().weir("bpf", "ct", "flush", "--source", "10.0.0")).code).toBe(2);
  expect(await node().read<BpfMapping[]>("bpf", "nat", "list", "--endpoint", String(client.id))).toEqual([]);
});

test("get of the other words: what there is, and exit 4 for what there is not", async () => {
  const get = <T>(...words: string[]) => node().read<T>("bpf", words[0] ?? "", "get", ...words.slice(1));
  expect(await get("ipcache", pods.client.ipv4)).toMatchObject({
    prefix: `${pods.client.ipv4}/32`,
    identity: client.identity,
  });
  expect(await get("endpoints", pods.client.ipv4)).toMatchObject([{ id: client.id, address: pods.client.ipv4 }]);
  const [server] = (await node().client.endpoints()).filter(({ pod }) => pod === "server");
  const judged = ["policy", String(server?.id), "--direction", "ingress", "--peer", String(client.identity)];
  expect(await get(...judged)).toMatchObject([{ verdict: "allow", peer: client.identity }]);
  expect(await get("links", client.hostInterface)).toHaveLength(2);
  for (const words of [
    ["ipcache", "192.0.2.9"],
    ["endpoints", "192.0.2.9"],
    ["policy", "60000"],
    ["links", "eth9"],
    ["bandwidth", "60000"],
    ["counters", "nothing"],
  ]) {
    const [word = "", ...key] = words;
    expect([words, (await node().weir("bpf", word, "get", ...key)).code]).toEqual([words, 4]);
  }
});
