import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { BoundedMap } from "#agent/datapath/map-full-error.ts";
import { datapathObjects } from "#agent/datapath/open-kernel.ts";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import type { SlotEntry } from "#agent/datapath/kernel.ts";
import { settled } from "#agent/endpoint/guarded-endpoint.ts";
import { hostEndpoint } from "#agent/endpoint/host-endpoint.ts";
import { MapPressure } from "#agent/node/map-pressure.ts";
import { compileBpf } from "#bpf/build.ts";
import { Action } from "#test/support/datapath.ts";
import { makeEndpoint } from "#test/support/enforcement.ts";
import type { Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const syn = (sport: number, dport = 80): Transport => ({ kind: "tcp", sport, dport, flags: ["SYN"] });
const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });

/** What status says of the maps. */
async function problems({ datapath: { kernel } }: TwoPods): Promise<string[]> {
  return new MapPressure().problems(await kernel.fill());
}

const entriesOf = async ({ datapath: { kernel } }: TwoPods, name: BoundedMap): Promise<number | undefined> =>
  (await kernel.fill()).find((fill) => fill.name === name)?.entries;

/** Both pods judge as `fromClient80` says. */
function expectPolicyInForce(pods: TwoPods, sport: number): void {
  expect(pods.toServer(syn(sport)).action).toBe(Action.redirect);
  expect(reasonOf(pods.toServer(syn(sport, 81)))).toBe(DropReason.POLICY_DENIED);
}

test("endpoints: a pod beyond the last place is refused and leaves nothing, and the others go on", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80), { endpointsMax: 2 });
  const third = { ...makeEndpoint(4, subject("third"), 258), ipv6: "fd00::4" };
  // Besides pods the node's own addresses have records.
  const nodeAddresses = Array.from({ length: 1024 }, (_, n) => `192.168.${n >> 8}.${n & 255}`);
  const node = settled({ ...hostEndpoint([], {}), nodeAddresses }, 1);
  pods.datapath.kernel.endpoints.write(node);
  const before = pods.datapath.kernel.endpoints.read();
  await expect(pods.enforcement.add(third)).rejects.toThrow(
    "write map endpoints: it is full with 1028 entries; raise --endpoints-max",
  );
  pods.enforcement.remove(third.id);
  expect(pods.datapath.kernel.endpoints.read()).toEqual(before);
  expect(await problems(pods)).toContain(
    "map endpoints is full (1028 entries): no pod can be added; raise --endpoints-max",
  );
  expectPolicyInForce(pods, 40_000);
  // A change of policy writes records that are there.
  await pods.setPolicy(serverPolicy("[]"));
  expect(reasonOf(pods.toServer(syn(40_001)))).toBe(DropReason.POLICY_DENIED);
  pods.enforcement.remove(pods.client.id);
  await pods.enforcement.add(third);
});

test("interfaces: a pod beyond the last place is refused and leaves nothing", async () => {
  using pods = new TwoPods({ endpointsMax: 1, elsewhere: true });
  await pods.enforcement.add({ ...pods.client, ipv6: null });
  const before = pods.datapath.kernel.endpoints.read();
  await expect(pods.enforcement.add({ ...pods.server, ipv6: null })).rejects.toThrow(
    "write map interfaces: it is full with 1 entries; raise --endpoints-max",
  );
  pods.enforcement.remove(pods.server.id);
  expect(pods.datapath.kernel.endpoints.read()).toEqual(before);
});

describe("ipcache", () => {
  const blocks = (count: number): string =>
    serverPolicy(`[{from: [${Array.from({ length: count }, (_, n) => `{ipBlock: {cidr: 192.0.2.${n}/32}}`).join()}]}]`);

  test("a policy with more CIDRs than there is room for is refused whole, and the old one stays", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80), { ipcacheEntries: 32 });
    const before = pods.datapath.kernel.ipcache.read();
    await expect(pods.setPolicy(blocks(40))).rejects.toThrow(
      /and the ipcache holds 32; the old policy stays. .* raise --ipcache-entries/,
    );
    expect(pods.datapath.kernel.ipcache.read()).toEqual(before);
    expectPolicyInForce(pods, 40_000);
  });

  test("a pod without room is refused and leaves nothing; whoever is there can change", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80), { ipcacheEntries: 32 });
    const { kernel } = pods.datapath;
    const free = 32 - ((await entriesOf(pods, "ipcache")) ?? 0);
    for (let n = 0; n < free; n++) await pods.enforcement.add(makeEndpoint(10 + n, subject("other"), 300));
    expect(await problems(pods)).toEqual([
      "map ipcache is full (32 entries): no pod and no CIDR of a rule can be added; raise --ipcache-entries",
    ]);
    const late = makeEndpoint(99, subject("other"), 300);
    const before = kernel.endpoints.read();
    await expect(pods.enforcement.add(late)).rejects.toThrow(
      "write map ipcache: it is full with 32 entries; raise --ipcache-entries",
    );
    pods.enforcement.remove(late.id);
    expect(kernel.endpoints.read()).toEqual(before);
    expectPolicyInForce(pods, 40_000);
    expect(() => pods.enforcement.setNodeAddresses(["10.0.0.254", "fd00::fe", "192.0.2.1"])).toThrow(
      /--ipcache-entries/,
    );
    for (let n = 0; n < 3; n++) pods.enforcement.remove(10 + n);
    pods.enforcement.setNodeAddresses(["10.0.0.254", "fd00::fe", "192.0.2.1"]);
    await pods.enforcement.add(late);
    expect(kernel.ipcache.read().map(({ prefix }) => prefix)).toEqual(
      expect.arrayContaining(["192.0.2.1/32", "10.0.0.99/32"]),
    );
  });
});

test("policy: slots beyond the last place are refused before one is made, and changes can still be waited for", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80), { endpointsMax: 8 });
  const { policies } = pods.datapath.kernel;
  const there = [...policies.read().keys()];
  const room = policies.slotsMax - there.length;
  const slots = (from: number, count: number) =>
    new Map(Array.from({ length: count }, (_, n): [number, SlotEntry[]] => [from + n, []]));
  await expect(policies.insert(slots(100, room + 1))).rejects.toThrow(
    `write map policy: it is full with ${policies.slotsMax} entries; raise --endpoints-max`,
  );
  expect([...policies.read().keys()]).toEqual(there);
  await policies.insert(slots(100, room));
  await policies.barrier();
  expect(await problems(pods)).toEqual([expect.stringMatching(/^map policy is 94 % full .*; raise --endpoints-max$/)]);
  expectPolicyInForce(pods, 40_000);
});

describe("rules", () => {
  /** So many rules, each with a limit of its own. */
  const limited = (count: number): string =>
    Array.from({ length: count }, (_, n) =>
      serverPolicy(`[{ports: [{port: ${100 + n}}]}]`).replace(
        "name: server, namespace: default}",
        `name: server-${n}, namespace: default, annotations: {weir.io/connection-limit: '5'}}`,
      ),
    ).join("\n---");

  test("limits: a policy with more limited rules than there is room for is refused whole", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80), { rulesMax: 4 });
    const before = pods.datapath.kernel.policies.read();
    await expect(pods.setPolicy(limited(5))).rejects.toThrow(
      /^put policy in force: write map limits: it is full with 4 entries; raise --rules-max; the old policy stays$/,
    );
    expect(pods.datapath.kernel.policies.read()).toEqual(before);
    expectPolicyInForce(pods, 40_000);
    expect(await problems(pods)).toEqual([
      "map limits is full (4 entries): policy with further limits is refused; raise --rules-max",
    ]);
  });

  test("rule_hits: a hit without a place is not counted, and judged all the same", async () => {
    const open = (count: number): string =>
      Array.from({ length: count }, (_, n) =>
        serverPolicy(`[{ports: [{port: ${100 + n}}]}]`).replace("name: server,", `name: server-${n},`),
      ).join("\n---");
    using pods = await TwoPods.with(open(6), { rulesMax: 4 });
    for (let n = 0; n < 6; n++) expect(reasonOf(pods.toServer(syn(40_000, 100 + n)))).toBe(0);
    expect(reasonOf(pods.toServer(syn(40_000, 200)))).toBe(DropReason.POLICY_DENIED);
    expect(pods.datapath.kernel.hits.read().size).toBe(4);
    expect(await problems(pods)).toEqual([
      "map rule_hits is full (4 entries): hits of further rules are not counted; raise --rules-max",
    ]);
  });
});

test("prefilter: what has no room is refused, and the map and its option are named", async () => {
  using pods = await TwoPods.with("", { prefilterEntries: 2 });
  const { prefilter } = pods.datapath.kernel;
  prefilter.add(["198.51.100.1/32", "198.51.100.2/32"]);
  expect(() => prefilter.add(["198.51.100.3/32"])).toThrow(
    "write map prefilter: it is full with 2 entries; raise --prefilter-entries",
  );
  expect(prefilter.read()).toHaveLength(2);
  expect(await problems(pods)).toEqual([
    "map prefilter is full (2 entries): no address can be added to the prefilter; raise --prefilter-entries",
  ]);
});

describe("conntrack", () => {
  test("makes room for new connections, and says that it has none to spare", async () => {
    const capacity = 16_384;
    const options = { conntrackEntries: capacity, config: { openingBudget: 65_536n } };
    using pods = await TwoPods.with(serverPolicy(fromClient80), options);
    const open = (from: number, until: number): void => {
      for (let n = from; n < until; n++) expect(pods.toServer(syn(1024 + n)).action).toBe(Action.redirect);
    };
    // Some of its places are kept by other CPUs for themselves.
    open(0, 0.85 * capacity);
    expect(await problems(pods)).toEqual([
      expect.stringMatching(/^map conntrack4 is .*full.* idle the longest are forgotten; raise --conntrack4-entries$/),
    ]);
    open(0.85 * capacity, 1.2 * capacity);
    expect(await entriesOf(pods, "conntrack4")).toBeLessThanOrEqual(capacity);
    expectPolicyInForce(pods, 60_000);
  });

  /** The programs with maps that evict nothing: so an entry can be refused at will. */
  function refusingPrograms(folder: string): void {
    cpSync(resolve(import.meta.dirname, "../../bpf"), folder, { recursive: true });
    const path = resolve(folder, "lib/conntrack.h");
    const source = readFileSync(path, "utf8");
    writeFileSync(path, source.replaceAll("BPF_MAP_TYPE_LRU_HASH", "BPF_MAP_TYPE_HASH"));
    for (const name of datapathObjects)
      compileBpf(resolve(folder, name.replace(".bpf.o", ".c")), resolve(folder, name));
  }

  const limited = serverPolicy("[{ports: [{port: 80}]}]").replace(
    "namespace: default}",
    "namespace: default, annotations: {weir.io/connection-limit: '1000'}}",
  );
  const open = ({ datapath: { kernel } }: TwoPods): number =>
    [...kernel.limits.read().values()].reduce((sum, limit) => sum + limit.open, 0);

  test("a connection that gets no entry is dropped with its own reason, and takes nothing of budget or limit", async () => {
    using folder = new TemporaryFolder();
    refusingPrograms(folder.path);
    const options = { conntrackEntries: 4, objectFolder: folder.path, config: { openingBudget: 6n } };
    using pods = await TwoPods.with(limited, options);
    for (let n = 0; n < 4; n++) expect(pods.toServer(syn(20_000 + n)).action).toBe(Action.redirect);
    for (let n = 0; n < 20; n++) {
      const refused = pods.toServer(syn(30_000 + n));
      expect([refused.action, reasonOf(refused), refused.events[0]?.file]).toEqual([
        Action.drop,
        DropReason.CONNTRACK_INSERT_FAILED,
        4, // conntrack.h, not the budget's
      ]);
      expect(open(pods)).toBe(4);
    }
    // Those that are there go on, and are judged again in their own places.
    await pods.setPolicy(limited.replace("'1000'", "'500'"));
    expect(pods.toServer(syn(20_000)).action).toBe(Action.redirect);
    expect(open(pods)).toBe(4);
  });
});

test("fragments: a datagram without a place is dropped with its own reason; what nobody waits for is removed", async () => {
  using pods = await TwoPods.with("", { fragmentEntries: 16 });
  const { datapath, client } = pods;
  const send = (id: number, transport: Transport, fragment: number) => {
    const ip = { source: "10.0.0.2", destination: "10.0.0.3", transport, id, fragment };
    return datapath.send(client, datapath.packet(client, ip));
  };
  const udp: Transport = { kind: "udp", sport: 40_000, dport: 80 };
  for (let id = 1; id <= 64; id++) expect(send(id, udp, 0x2000).action).toBe(Action.redirect);
  // How full it may look differs: each CPU keeps some free places for itself.
  expect(await entriesOf(pods, "fragments")).toBeLessThanOrEqual(16);
  const later: Transport = { kind: "raw", protocol: 17, payload: new Uint8Array(8) };
  expect(reasonOf(send(1, later, 1))).toBe(DropReason.FRAGMENT_FIRST_MISSING);
  expect(send(64, later, 1).action).toBe(Action.redirect);
  const { kernel } = datapath;
  expect(await kernel.fragments.sweep(kernel.now())).toBe(0);
  expect(await kernel.fragments.sweep(kernel.now() + 61_000_000_000n)).toBeGreaterThan(0);
  expect(await entriesOf(pods, "fragments")).toBe(0);
});
