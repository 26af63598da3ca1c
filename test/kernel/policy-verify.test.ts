import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { layouts, policyEntry, policyKey } from "#agent/datapath/layouts.gen.ts";
import { HOST } from "#agent/endpoint/host-endpoint.ts";
import { DEFAULT_HOST_FAILSAFE } from "#policy/model/failsafe.ts";
import { FlippableMap, type RawEntry } from "#test/support/bit-flip.ts";
import { Datapath } from "#test/support/datapath.ts";
import { makeEndpoint } from "#test/support/enforcement.ts";
import { hostPolicy, ports } from "#test/support/object-text.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";
import { objectsOf } from "#test/support/two-pods.ts";
import { VerifiedNode } from "#test/support/verified-node.ts";

beforeEach(needs("root"));

/** Blocks with a hole, ranges of ports, a denial, and a tier that passes to what is below. */
const policies = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default, annotations: {weir.io/rate-limit: 100/s, weir.io/not-after: "2100-01-01T00:00:00Z"}}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: 80, endPort: 90}]
  - from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}]
  egress:
  - to: [{ipBlock: {cidr: 198.51.100.0/24}}]
    ports: [{protocol: UDP, port: 53}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingressDeny: [{fromEntities: [world], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tier}
spec:
  tier: Admin
  priority: 7
  subject: {pods: {podSelector: {matchLabels: {app: server}}}}
  ingress:
  - {action: Pass, from: [{pods: {podSelector: {matchLabels: {app: client}}}}]}
`;

const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });
const server = { ...makeEndpoint(2, subject("server"), 300), ifindex: 1002, ipv6: "fd00::2" };
const client = { ...makeEndpoint(3, subject("client"), 301), ifindex: 1003 };

async function running(): Promise<{ datapath: Datapath; node: VerifiedNode; slot: number } & Disposable> {
  const datapath = new Datapath();
  const node = new VerifiedNode(datapath.kernel);
  await node.add(server, client);
  await node.setPolicy(objectsOf(policies), { at: 1_000 });
  const slot = node.setup.enforcement.views.slotOf(server.id)?.slot ?? 0;
  return { datapath, node, slot, [Symbol.dispose]: () => datapath[Symbol.dispose]() };
}

function openSlot({ datapath, slot }: { datapath: Datapath; slot: number }): FlippableMap {
  using outer = datapath.openMap("policy");
  return FlippableMap.ofSlot(outer, slot);
}

/** Entries of the server's slot that say something below a pass. */
const passes = ({ value }: RawEntry): boolean => value[12] === 3;
const toClient = ({ key }: RawEntry): boolean => view(key).getUint32(4) === client.identity;

function view(array: Uint8Array): DataView {
  return new DataView(array.buffer, array.byteOffset, array.length);
}

/** What `verify` says after a bit was turned; it must be equal again when it is turned back. */
async function told(node: VerifiedNode, undo: () => void): Promise<string[]> {
  const { state, differences } = await node.verify();
  undo();
  expect(await node.verify()).toMatchObject({ state: "equal", differences: [], more: 0 });
  expect(state).toBe("different");
  return differences.map(({ map, endpoints, what }) => `${map} [${endpoints.join()}] ${what}`);
}

test("what enforcement has brought into the kernel is equal", async () => {
  using all = await running();
  const verification = await all.node.verify();
  expect(verification).toMatchObject({ state: "equal", endpoints: 2, excluded: 0, differences: [], more: 0 });
  expect(verification.generation).toBe(verification.revision);
  expect(verification.classes).toBeGreaterThan(100);
  using slot = openSlot(all);
  expect(slot.entries().some(passes)).toBe(true);
  expect(verification.entries).toBeGreaterThan(slot.entries().length);
});

test("each field of an entry is named when a bit of it is turned", async () => {
  using all = await running();
  using slot = openSlot(all);
  const entry = slot.entries().find(passes) as RawEntry;
  const membersOf = (struct: string) => Object.entries((layouts[struct] as (typeof layouts)[string]).members);
  const fields = membersOf("policy_entry").flatMap(([half, [start]]) =>
    membersOf("policy_decision").map(([name, [at, size]]) => [`${half}.${name}`, start + at, size] as const),
  );
  for (const [field, at, size] of fields) {
    for (const byte of [at, at + size - 1]) {
      const found = await told(all.node, slot.flipValue(entry, byte));
      expect(found[0]).toMatch(
        new RegExp(
          `^policy \\[2\\] slot ${all.slot}, ingress from identity 301 \\(default {app=client}\\), .*: ${field}$`,
        ),
      );
    }
  }
});

test("a turned bit of a key is one entry too few and one too many", async () => {
  using all = await running();
  using slot = openSlot(all);
  const entry = slot.entries().find((one) => toClient(one) && one.key[9] === 6) as RawEntry;
  const at = `policy [2] slot ${all.slot},`;
  const from = "ingress from identity 301 (default {app=client}),";
  const cases: [byte: number, lacking: RegExp, added: RegExp][] = [
    [7, /^ingress from identity 301 .*TCP\/.*: entry/, /^ingress from identity 300 \(default {app=server}\), TCP/],
    [4, /^ingress from identity 301/, /^ingress from identity 16777517 \(nobody\), TCP/],
    [8, /^ingress from identity 301/, /^egress to identity 301 \(default {app=client}\), TCP/],
    [
      9,
      /^ingress from identity 301 .*TCP/,
      /^ingress from identity 301 .*protocol 7\/|^ingress from identity 301 .*, protocol 7/,
    ],
  ];
  for (const [byte, lacking, added] of cases) {
    const found = await told(all.node, slot.flipKey(entry, byte));
    expect(found[0]).toContain(at);
    expect(found[0]?.slice(at.length + 1)).toMatch(lacking);
    expect(found[1]?.slice(at.length + 1)).toMatch(added);
    expect(found.every((line) => line.startsWith(at) || line.includes("verdict on"))).toBe(true);
  }
  expect((await told(all.node, slot.remove(entry)))[0]).toContain(`${at} ${from}`);
});

test("any bit of any value of a policy slot", async () => {
  using all = await running();
  using slot = openSlot(all);
  const entries = slot.entries();
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: entries.length - 1 }),
    fc.integer({ min: 0, max: 8 * policyEntry.size - 1 }),
    async (index, bit) => {
      const entry = entries[index] as RawEntry;
      const [first] = await told(all.node, slot.flipValue(entry, bit >> 3, bit & 7));
      expect(first).toContain(`policy [2] slot ${all.slot}, `);
      expect(first).toContain(String(policyKey.decode(view(entry.key), 0).peer || "anybody"));
    },
  );
  await fc.assert(property, { numRuns: sized({ short: 40, long: 2_000 }) });
});

test("identity and class of a prefix, and a prefix itself", async () => {
  using all = await running();
  using ipcache = new FlippableMap(all.datapath.openMap("ipcache"));
  const entry = ipcache.entries().find(({ key }) => key.subarray(8, 12).join(".") === "10.0.0.3") as RawEntry;
  const [identity, ...effects] = await told(all.node, ipcache.flipValue(entry, 0));
  expect(identity).toBe("ipcache [3] 10.0.0.3/32: identity");
  // A local pod is known by its record.
  expect(effects).toEqual([]);
  expect((await told(all.node, ipcache.flipValue(entry, 4)))[0]).toBe("ipcache [3] 10.0.0.3/32: address_class");
  expect(await told(all.node, ipcache.flipKey(entry, 10))).toEqual([
    "ipcache [3] 10.0.0.3/32: entry",
    "ipcache [] 10.0.1.3/32: entry",
    "policy [2] verdict on ingress from world at 10.0.1.3, TCP/80-90",
    "policy [2] verdict on ingress from world at 10.0.1.3, TCP/443",
  ]);
});

test("a block that loses its class is judged otherwise", async () => {
  using all = await running();
  using ipcache = new FlippableMap(all.datapath.openMap("ipcache"));
  const entry = ipcache.entries().find(({ key }) => key.subarray(8, 12).join(".") === "192.0.2.0") as RawEntry;
  const found = await told(all.node, ipcache.flipValue(entry, 4));
  expect(found[0]).toBe("ipcache [] 192.0.2.0/24: address_class");
  expect(found[1]).toMatch(/^policy \[2\] verdict on ingress from world at 192\.0\.2\.\d+, /);
});

test("an endpoint's record by address and by interface", async () => {
  using all = await running();
  using endpoints = new FlippableMap(all.datapath.openMap("endpoints"));
  using interfaces = new FlippableMap(all.datapath.openMap("interfaces"));
  const record = endpoints.entries().find(({ key }) => key.subarray(0, 4).join(".") === "10.0.0.2") as RawEntry;
  const parity = (await all.node.verify()).generation % 2;
  const at = "endpoints [2] endpoint at 10.0.0.2:";
  for (const [byte, field] of [
    [0, "address"],
    [16, "ifindex"],
    [24, "incarnation"],
    [28 + 4 * parity, `identity[${parity}]`],
    [28 + 4 * (1 - parity), `identity[${1 - parity}]`],
    [36 + 4 * parity, `policy[${parity}]`],
    [36 + 4 * (1 - parity), `policy[${1 - parity}]`],
    [44, "flags"],
    [48, "mac"],
    [59, "host_mac"],
    [60, "family"],
  ] as const) {
    expect((await told(all.node, endpoints.flipValue(record, byte)))[0]).toBe(`${at} ${field}`);
  }
  const sender = interfaces.entries().find(({ key }) => view(key).getUint32(0, true) === server.ifindex) as RawEntry;
  for (const [byte, field] of [
    [24, "endpoint.incarnation"],
    [40, "endpoint.policy[1]"],
    [64, "ipv4"],
    [95, "ipv6"],
  ] as const) {
    expect(await told(all.node, interfaces.flipValue(sender, byte))).toEqual([
      `interfaces [2] interface 1002: ${field}`,
    ]);
  }
  // Bytes of a key that nothing reads.
  expect((await told(all.node, endpoints.flipKey(record, 23)))[0]).toBe(`${at} entry`);
});

test("the bounds of a rule that is limited, and not what has passed by them", async () => {
  using all = await running();
  using limits = new FlippableMap(all.datapath.openMap("limits"));
  const [first] = limits.entries() as [RawEntry];
  const at = /^limits \[\] limit of rule \d+ \(NetworkPolicy default\/server (in|e)gress\[\d\]\): /;
  for (const [byte, field] of [
    [4, "rate"],
    [11, "connections"],
  ] as const) {
    const [found] = await told(all.node, limits.flipValue(first, byte));
    expect(found).toMatch(at);
    expect(found).toMatch(new RegExp(`: ${field}$`));
  }
  const undo = limits.flipValue(first, 12, 4);
  expect(await all.node.verify()).toMatchObject({ state: "equal" });
  undo();
  expect((await told(all.node, limits.remove(first)))[0]).toMatch(/: entry$/);
});

test("an end that is turned into the past: the rule does not count, and the oracle says that it does", async () => {
  using all = await running();
  using slot = openSlot(all);
  const endOf = ({ value }: RawEntry): bigint => view(value).getBigUint64(16, true);
  const isBlock = ({ key }: RawEntry): boolean => view(key).getUint32(4) > 2 ** 24 && key[8] === 0;
  const entry = slot.entries().find((one) => isBlock(one) && endOf(one) !== 0n) as RawEntry;
  const past = entry.value.slice();
  view(past).setBigUint64(16, 1n, true);
  const [field, effect] = await told(all.node, slot.replace(entry, past));
  expect(field).toMatch(/: upper\.not_after$/);
  expect(effect).toMatch(/^policy \[2\] verdict on ingress from world at 192\.0\.2\./);
});

test("the word that says which policy is in force", async () => {
  using all = await running();
  using control = new FlippableMap(all.datapath.openMap("control"));
  const word = control.entries()[0] as RawEntry;
  expect((await told(all.node, control.flipValue(word, 0)))[0]).toBe("control [] generation");
});

test("one endpoint: its own records and slot, and nobody else's", async () => {
  using all = await running();
  using slot = openSlot(all);
  using endpoints = new FlippableMap(all.datapath.openMap("endpoints"));
  const record = endpoints.entries().find(({ key }) => key.subarray(0, 4).join(".") === "10.0.0.2") as RawEntry;
  for (const undo of [slot.flipValue(slot.entries()[0] as RawEntry, 0), endpoints.flipValue(record, 8)]) {
    expect(await all.node.verify(client.id)).toMatchObject({ state: "equal", endpoints: 1 });
    expect(await all.node.verify(server.id)).toMatchObject({ state: "different", endpoints: 1 });
    undo();
  }
  await expect(all.node.verify(99)).rejects.toMatchObject({ code: "not-found" });
});

test("the node's own records and slot while a policy selects it, with its failsafe", async () => {
  using all = await running();
  const guarded = hostPolicy({
    ingress: [{ fromEntities: ["world"], toPorts: ports(80) }],
    egressDeny: [{ toEntities: ["all"] }],
  });
  await all.node.setPolicy(objectsOf(`${policies}\n---\n${guarded}`), { hostFailsafe: DEFAULT_HOST_FAILSAFE });
  expect(await all.node.verify(HOST)).toMatchObject({ state: "equal", endpoints: 1 });
  using endpoints = new FlippableMap(all.datapath.openMap("endpoints"));
  const record = endpoints.entries().find(({ key }) => key.subarray(0, 4).join(".") === "10.0.0.1") as RawEntry;
  expect(await told(all.node, endpoints.flipValue(record, 44))).toEqual([
    `endpoints [${HOST}] endpoint at 10.0.0.1: flags`,
  ]);
  const slot = all.node.setup.enforcement.views.slotOf(HOST)?.slot ?? 0;
  using entries = openSlot({ ...all, slot });
  const ssh = entries.entries().find(({ key }) => key[9] === 6 && key[11] === 22) as RawEntry;
  expect(await told(all.node, entries.remove(ssh))).toContainEqual(
    expect.stringMatching(/^policy \[65536\] verdict on ingress from world at .*, TCP\/22$/),
  );
});
