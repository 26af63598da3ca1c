import { join } from "node:path";
import { MapHandle } from "libbpf-ts";
import { expect, test } from "vitest";
import type { BpfEndpoint } from "#agent/api/bpf-views.ts";
import type { Verification } from "#agent/api/policy-views.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { FlippableMap, type RawEntry } from "#test/support/bit-flip.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const http = { name: "http", protocol: "TCP", port: 8080 } as const;

const node = useNode({
  objects: {
    "pods.yaml": podObject({ name: "server", labels: { app: "server" }, ports: [http] }),
    "kubernetes.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [
        { from: [app("client")], ports: [{ port: "http" }, { port: 1000, endPort: 2000 }] },
        {
          from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.64/28"] } }, { ipBlock: { cidr: "10.0.0.0/8" } }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: "2001:db8::/32" } }], ports: [{ protocol: "UDP", port: 53 }] }],
    }),
    "cilium.yaml": `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress:
  - {toCIDR: [198.51.100.7/32], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}
  - {toEntities: [cluster]}
  egressDeny: [{toEndpoints: [{matchLabels: {app: other}}]}]
  ingress: [{fromEntities: [world-ipv6]}]
`,
    "tiers.yaml": `
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 3
  subject: {namespaces: {}}
  ingress:
  - {action: Pass, from: [{pods: {podSelector: {matchLabels: {app: client}}}}]}
  - {action: Deny, from: [{pods: {podSelector: {matchLabels: {app: other}}}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: baseline}
spec:
  tier: Baseline
  priority: 3
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
`,
  },
});
const pods = usePods(node, ["server", "client", "other"]);

function openMap(name: string): MapHandle {
  return MapHandle.openPinned(join(node().bpffs, "weir", "maps", name));
}

async function endpoint(pod: string): Promise<EndpointView> {
  const found = (await node().client.endpoints()).find((one) => one.pod === pod);
  if (!found) throw new Error(`find endpoint of ${pod}: there is none`);
  return found;
}

async function slotOf({ id }: EndpointView): Promise<number> {
  const records = await node().read<BpfEndpoint[]>("bpf", "endpoints", "list");
  return records.find((record) => record.id === id)?.policy[0] ?? 0;
}

/** Turns a bit, runs `policy verify`, turns it back. */
async function told(undo: () => void, ...args: string[]): Promise<Verification> {
  try {
    return await node().read<Verification>("policy", "verify", ...args);
  } finally {
    undo();
  }
}

test("a node with three languages is equal, endpoint by endpoint and as a whole", async () => {
  const { code, stdout } = await node().weir("policy", "verify");
  expect(stdout).toMatch(/^equal at revision \d+: 3 endpoints, \d+ entries, \d+ classes of traffic\n$/);
  expect(code).toBe(0);
  const all = await node().read<Verification>("policy", "verify");
  expect(all).toMatchObject({ state: "equal", revision: await node().revision(), excluded: 0, differences: [] });
  expect(all.classes).toBeGreaterThan(1_000);
  const { id } = await endpoint("server");
  expect(await node().read("policy", "verify", String(id))).toMatchObject({ state: "equal", endpoints: 1 });
});

test("a turned bit of a policy entry: exit 1, with map, slot, entry, field and rule", async () => {
  const server = await endpoint("server");
  const client = await endpoint("client");
  const slot = await slotOf(server);
  using outer = openMap("policy");
  using inner = FlippableMap.ofSlot(outer, slot);
  const port = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getUint16(10);
  const entry = inner.entries().find(({ key }) => key[8] === 0 && port(key) === 8080) as RawEntry;

  const undo = inner.flipValue(entry, 36, 1);
  const { code, stdout } = await node().weir("policy", "verify");
  undo();
  expect(code).toBe(1);
  const from = `from identity ${client.identity} (default {app=client}), TCP/8080`;
  expect(stdout).toContain(`slot ${slot}, ingress ${from}: below.verdict`);
  expect(stdout).toMatch(/^different at revision /m);

  const { differences } = await told(inner.flipValue(entry, 0, 7));
  expect(differences[0]).toMatchObject({
    map: "policy",
    endpoints: [server.id],
    what: `slot ${slot}, ingress ${from}: upper.precedence`,
    rules: ["ClusterNetworkPolicy /admin ingress[0]", "NetworkPolicy default/server ingress[0]"],
  });
  expect(await node().read("policy", "verify")).toMatchObject({ state: "equal" });
});

test("a slot that is another one's, an address that is somebody else's", async () => {
  const server = await endpoint("server");
  const records = new FlippableMap(openMap("endpoints"));
  const ipcache = new FlippableMap(openMap("ipcache"));
  using _records = records;
  using _ipcache = ipcache;
  const record = records.entries().find(({ key }) => key.subarray(0, 4).join(".") === pods.server.ipv4) as RawEntry;
  const at = 36 + 4 * ((await node().revision()) % 2);
  const { differences } = await told(records.flipValue(record, at));
  expect(differences[0]).toMatchObject({
    map: "endpoints",
    endpoints: [server.id],
    what: `endpoint at ${pods.server.ipv4}: policy[${(at - 36) / 4}]`,
  });
  const block = ipcache.entries().find(({ key }) => key.subarray(8, 12).join(".") === "192.0.2.64") as RawEntry;
  const other = await told(ipcache.flipValue(block, 0, 0), String(server.id));
  expect(other.differences[0]).toMatchObject({
    map: "ipcache",
    what: "192.0.2.64/28: identity",
    expected: "2 (world)",
    found: "3 (unmanaged)",
  });
});

test("it stays equal while pods and policies come and go, and the agent answers meanwhile", async () => {
  await node().changeObjects("more.yaml", networkPolicy({ name: "more", ingress: [{ from: [app("late")] }] }));
  const late = await node().addPod({ name: "late", labels: { app: "late" } });
  const verifications = Promise.all([1, 2, 3].map(() => node().client.verifyPolicy({})));
  await node().client.status();
  await node().changeObjects("more.yaml", null);
  await late[Symbol.asyncDispose]();
  for (const one of await verifications) expect(one).toMatchObject({ state: "equal", differences: [] });
  expect(await node().client.verifyPolicy({})).toMatchObject({ state: "equal", endpoints: 3 });
});

test("no such endpoint: exit 4", async () => {
  const { code, stderr } = await node().weir("policy", "verify", "4711");
  expect([code, stderr]).toEqual([4, expect.stringContaining("verify endpoint 4711: there is none in force")]);
});
