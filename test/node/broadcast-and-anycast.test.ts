import { expect, test } from "vitest";
import type { BpfIpcacheEntry } from "#agent/api/bpf-views.ts";
import type { Evaluation, Verification } from "#agent/api/policy-views.ts";
import { mustRunNow } from "#agent/local/command.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { ciliumPolicy } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { UdpInbox } from "#test/support/udp-inbox.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const port = 7000;

const node = useNode();
const pods = usePods(node, ["client"]);
let outside: Outside;
let inbox: UdpInbox;
/** What the node takes for its own, by the name of the route's type. */
let own: Record<string, string>;

prepare(async () => {
  // The node gets its addresses while the agent runs.
  outside = new Outside(node());
  mustRunNow(node().namespace.enter(["ip", "route", "add", "local", "198.51.100.1", "dev", "lo"]));
  own = {
    LOCAL: outside.node4,
    LOCAL6: outside.node6,
    "LOCAL without an address": "198.51.100.1",
    BROADCAST: "192.0.2.3",
    ANYCAST: "2001:db8::",
  };
  inbox = node().lab.use(await UdpInbox.open(node().namespace, port));
  const host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  await host.serve("TCP", port);
  for (const protocol of ["TCP", "UDP"] as const) await outside.traffic.serve(protocol, port);
});

/** The names of addresses at which a pod's datagrams come to the node. */
async function arrived(): Promise<string[]> {
  const names: string[] = [];
  for (const [name, address] of Object.entries(own)) {
    inbox.take();
    await pods.client.traffic.attempt(targetOf(address, port, "UDP"), { timeout: 400 });
    if (inbox.take() > 0) names.push(name);
  }
  return names;
}

/** Whose the address is in the kernel; undefined for the world's. */
async function identityOf(address: string): Promise<number | undefined> {
  const entries = await node().read<BpfIpcacheEntry[]>("bpf", "ipcache", "list");
  return entries.find(({ prefix }) => prefix === `${address}/${address.includes(":") ? 128 : 32}`)?.identity;
}

async function setRules(rules: object): Promise<void> {
  await node().changeObjects("client.yaml", ciliumPolicy("client", rules));
}

test("without policy every address of the node takes a datagram", async () => {
  expect(await arrived()).toEqual(Object.keys(own));
});

test("the world is not the node's broadcast and anycast addresses; a denied host is", async () => {
  await setRules({ egress: [{ toEntities: ["world"] }], egressDeny: [{ toEntities: ["host"] }] });
  await using log = new FlowLog(node().client);
  expect(await arrived()).toEqual([]);
  for (const address of [outside.node4, outside.node6]) await expectTraffic(pods.client, address, port, "silent");
  for (const address of [outside.ipv4, outside.ipv6]) {
    await expectTraffic(pods.client, address, port, "answered");
    await expectTraffic(pods.client, address, port, "answered", { protocol: "UDP" });
  }
  for (const address of Object.values(own)) {
    const flow = await until(`drop at ${address}`, () =>
      log.since(0).find(({ IP, verdict }) => IP?.destination === address && verdict === "DROPPED"),
    );
    expect(flow.destination.labels).toEqual(["reserved:host"]);
  }
});

test("the world alone does not open them", async () => {
  await setRules({ egress: [{ toEntities: ["world"] }] });
  expect(await arrived()).toEqual([]);
});

test("an allowed host is all of them, and not the world", async () => {
  await setRules({ egress: [{ toEntities: ["host"] }] });
  expect(await arrived()).toEqual(Object.keys(own));
  for (const address of [outside.node4, outside.node6]) await expectTraffic(pods.client, address, port, "answered");
  for (const address of [outside.ipv4, outside.ipv6]) await expectTraffic(pods.client, address, port, "silent");
});

test("`policy eval`, `policy verify` and `bpf ipcache list` say the same", async () => {
  await setRules({ egress: [{ toEntities: ["world"] }] });
  for (const to of Object.values(own)) {
    const args = ["--from", "default/client", "--to", to, "--protocol", "UDP", "--port", String(port)];
    expect([to, (await node().read<Evaluation>("policy", "eval", ...args)).verdict]).toEqual([to, "deny"]);
  }
  expect(await node().read<Verification>("policy", "verify")).toMatchObject({ state: "equal", differences: [] });
  for (const address of Object.values(own)) expect([address, await identityOf(address)]).toEqual([address, 1]);
});

test("a route that goes makes the address the world's again", async () => {
  const address = own["LOCAL without an address"] as string;
  expect(await identityOf(address)).toBe(1);
  mustRunNow(node().namespace.enter(["ip", "route", "del", "local", address, "dev", "lo"]));
  await until("the world's address", async () => (await identityOf(address)) === undefined);
});
