import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EndpointView } from "#agent/api/views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedMaps } from "#test/support/pins.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

interface Line {
  readonly map: string;
  readonly outer?: number;
  readonly key: Readonly<Record<string, unknown>>;
  readonly value?: Readonly<Record<string, unknown>>;
  readonly values?: readonly unknown[];
  readonly change?: string;
  readonly before?: unknown;
}

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("client")], ports: [{ protocol: "TCP", port: 80 }] }],
    }),
  },
});
const pods = usePods(node, ["server", "client"]);
let server: EndpointView;
let client: EndpointView;

/** As in the night: the agent is gone, the maps are there. */
prepare(async () => {
  await pods.server.traffic.serve("TCP", 80);
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4000 });
  await expectTraffic(pods.client, pods.server, 81, "silent");
  const endpoints = await node().client.endpoints();
  const of = (name: string) => endpoints.find(({ pod }) => pod === name) as EndpointView;
  [server, client] = [of("server"), of("client")];
  await node().agent.stop();
});

const map = (...args: readonly string[]) => node().weir("bpf", "map", ...args, "--bpffs", node().bpffs);

async function lines(...args: readonly string[]): Promise<Line[]> {
  const { stdout, stderr } = await map(...args, "-o", "json");
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

test("list: every pinned map, how full it is and what it costs", async () => {
  const { stdout } = await map("list", "-o", "json");
  const views = JSON.parse(stdout) as { name: string; id: number; type: string; entries: number; memory: number }[];
  expect(Object.fromEntries(views.map(({ name, id }) => [name, id]))).toEqual(pinnedMaps(node()));
  const of = (name: string) => views.find((view) => view.name === name);
  expect(of("endpoints")).toMatchObject({ type: "hash", keySize: 24, entries: 4, unread: null });
  expect(of("ipcache")).toMatchObject({ type: "lpm-trie", valueSize: 8, capacity: 512_000 });
  expect(of("events")).toMatchObject({ type: "ringbuf", entries: null, unread: expect.any(Number) as number });
  expect(of("endpoints")?.memory).toBeGreaterThan(0);
});

test("dump: all entries of every map but the ring buffers are decoded", async () => {
  const views = JSON.parse((await map("list", "-o", "json")).stdout) as { name: string; type: string }[];
  const names = views.filter(({ type }) => type !== "ringbuf").map(({ name }) => name);
  const found = await lines("dump", ...names);
  const bytes = found.filter(({ key, value, values }) =>
    [key, value ?? values?.[0]].some((part) => typeof part === "string"),
  );
  // A number that is known by its name, or bytes of no type.
  expect(new Set(bytes.map((line) => line.map))).toEqual(new Set(["forwarded", "nat_counters", "resets"]));
  expect(found.some((line) => line.map === "scratch" && line.values !== undefined)).toBe(true);
});

test("get: the entries that have a part of a key, with names, addresses and ports as people write them", async () => {
  const [endpoint] = await lines("get", "endpoints", `address=${server.ipv4}`);
  expect(endpoint).toMatchObject({
    map: "endpoints",
    key: { address: server.ipv4, family: "FAMILY_IPV4" },
    value: { id: server.id, address: server.ipv4, identity: [server.identity, server.identity], flags: [] },
  });
  expect(endpoint?.value?.["mac"]).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  const [connection] = await lines("get", "conntrack4", `low_port=80`, "protocol=6");
  const ends = [server, client].map(({ ipv4 }) => ipv4);
  expect([connection?.key["low_address"], connection?.key["high_address"]].toSorted()).toEqual(ends.toSorted());
  expect(connection?.value?.["end"]).toMatchObject([{ verdict: "VERDICT_ALLOW" }, { verdict: "VERDICT_ALLOW" }]);
  const [drops] = await lines("get", "counters", "reason=DROP_POLICY_DENIED");
  expect(drops).toMatchObject({ key: { hook: "HOOK_POD_EGRESS", file: "FILE_JUDGE" } });
  expect(drops?.value?.["packets"]).toBeGreaterThan(0);
});

test("get: a map of maps by the slot that judges an endpoint, and each CPU's part of a sum", async () => {
  const [endpoint] = await lines("get", "endpoints", `address=${server.ipv4}`);
  const [slot] = (endpoint?.value?.["policy"] ?? []) as number[];
  const entries = await lines(
    "get",
    "policy",
    `outer=${slot}`,
    "direction=DIRECTION_INGRESS",
    `peer=${client.identity}`,
  );
  expect(entries).toMatchObject([
    { outer: slot, key: { protocol: 6, port: 80 }, value: { upper: { verdict: "VERDICT_ALLOW" } } },
  ]);
  const wanted = ["get", "counters", "reason=DROP_POLICY_DENIED"] as const;
  const [sum] = await lines(...wanted);
  const [parts] = await lines(...wanted, "--per-cpu");
  const counted = (parts?.values ?? []).map((value) => (value as { packets: number }).packets);
  expect(counted.reduce((a, b) => a + b, 0)).toBe(sum?.value?.["packets"]);
});

test("get ends with 4 where there is no such entry or map, and says what to do", async () => {
  const missing = await map("get", "endpoints", "address=192.0.2.1");
  expect([missing.code, missing.stderr]).toEqual([
    4,
    "weir bpf map get: no entry of endpoints has the key address=192.0.2.1\n",
  ]);
  const unknown = await map("dump", "endpoint");
  expect(unknown.code).toBe(4);
  expect(unknown.stderr).toContain("there is no map endpoint in");
  const nowhere = await node().weir("bpf", "map", "list", "--bpffs", node().folder);
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain("start an agent, or name its BPF file system with --bpffs");
});

test("a ring buffer has no entries, and says how full it is", async () => {
  const { code, stderr } = await map("dump", "events");
  expect(code).toBe(2);
  expect(stderr).toMatch(/events is a ring buffer, which has no entries: \d+ of \d+ bytes wait for their reader/);
});

test("diff: what is different since a dump, and between two dumps", async () => {
  const before = join(node().folder, "before.jsonl");
  const { stdout } = await map("dump", "forwarded", "conntrack4", "-o", "json");
  writeFileSync(before, stdout);
  expect(await lines("diff", "endpoints", before)).toMatchObject(
    Array.from({ length: 4 }, () => ({ change: "added" })),
  );
  await expectTraffic(pods.client, pods.server, 80, "answered", { sourcePort: 4001 });
  const connections = await lines("diff", "conntrack4", before);
  expect(connections.map(({ change, key }) => [change, key["high_port"]])).toEqual([["added", 4001]]);
  const after = join(node().folder, "after.jsonl");
  writeFileSync(after, (await map("dump", "forwarded", "-o", "json")).stdout);
  const [passed] = await lines("diff", "forwarded", before, after);
  expect(passed).toMatchObject({ change: "changed", key: "HOOK_POD_EGRESS" });
  expect((await map("diff", "forwarded", before, after)).stdout).toMatch(
    /^~ forwarded HOOK_POD_EGRESS -> packets: \d+ -> \d+, bytes: \d+ -> \d+\n/,
  );
});

test("a file that is no dump is refused with its line", async () => {
  const file = join(node().folder, "other.jsonl");
  writeFileSync(file, '{"map":"conntrack4","key":{},"value":{}}\n{"map":7}\n');
  const { code, stderr } = await map("diff", "conntrack4", file);
  expect(code).toBe(2);
  expect(stderr).toContain("line 2 is no entry as weir bpf map dump -o json writes them");
});
