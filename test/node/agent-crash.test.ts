import { expect, test } from "vitest";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedMaps, settledLinks } from "#test/support/pins.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const allowed = (...names: string[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: names.map(app) }] });

const node = useNode({ objects: { "server.yaml": allowed("client") } });
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) await pods.server.traffic.serve(protocol, 80);
});

/** All that the kernel holds for the pods: links and programs, maps, and what is in them. */
async function inKernel(): Promise<object> {
  const { client } = node();
  const entries = [await client.bpf("policy"), await client.bpf("endpoints"), await client.bpf("ipcache")];
  return {
    links: await settledLinks(node()),
    maps: pinnedMaps(node()),
    entries: entries.map((list) => list.map((entry) => JSON.stringify(entry)).toSorted()),
    revision: await node().revision(),
  };
}

test("kill -9 and restart lose no packet, rebuild nothing, and obey the next policy", async () => {
  const before = await inKernel();
  await using datagrams = await pods.client.traffic.stream(targetOf(pods.server, 80, "UDP"));
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await goesOn(datagrams);

  await node().agent.kill();
  await goesOn(datagrams);
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await expectTraffic(pods.stranger, pods.server, 80, "silent");

  await node().startAgent();
  await goesOn(datagrams);
  await goesOn(stream);
  expect(await inKernel()).toEqual(before);
  const { lost, sent } = await datagrams.stop();
  expect({ lost, some: sent > 60 }).toEqual({ lost: [], some: true });
  expect((await stream.stop()).ended).toBeNull();

  await node().changeObjects("server.yaml", allowed("stranger"));
  await expectTraffic(pods.client, pods.server, 80, "silent");
  await expectTraffic(pods.stranger, pods.server, 80, "answered");
  await node().changeObjects("server.yaml", allowed("client"));
});

test("a policy that changed while the agent was away holds when it is back", async () => {
  await node().agent.kill();
  node().writeObjects("server.yaml", allowed("stranger"));
  await node().startAgent();
  await expectTraffic(pods.client, pods.server, 80, "silent");
  await expectTraffic(pods.stranger, pods.server, 80, "answered");
});

test("a pod that is added after a restart gets an address of its own", async () => {
  await node().agent.kill();
  await node().startAgent();
  const late = await node().addPod({ name: "late", labels: { app: "stranger" } });
  expect(Object.values(pods).map(({ ipv4 }) => ipv4)).not.toContain(late.ipv4);
  await expectTraffic(late, pods.server, 80, "answered");
});

test("SIGTERM leaves the datapath enforcing", async () => {
  expect(await node().agent.stop()).toBe(0);
  await expectTraffic(pods.client, pods.server, 80, "silent");
  await expectTraffic(pods.stranger, pods.server, 80, "answered");
  await node().startAgent();
});
