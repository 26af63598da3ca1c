import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedLinks } from "#test/support/pinned-links.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const allowed = (...names: string[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: names.map(app) }] });

const node = useNode({ objects: { "server.yaml": allowed("client") } });
let server: LabPod;
let client: LabPod;
let stranger: LabPod;

prepare(async () => {
  server = await node().addPod({ name: "server", labels: { app: "server" } });
  client = await node().addPod({ name: "client", labels: { app: "client" } });
  stranger = await node().addPod({ name: "stranger", labels: { app: "stranger" } });
  for (const protocol of ["TCP", "UDP"] as const) await server.traffic.serve(protocol, 80);
});

const udp = () => ({ protocol: "UDP", address: server.ipv4, port: 80 }) as const;
const tcp = () => ({ protocol: "TCP", address: server.ipv4, port: 80 }) as const;

test("kill -9 and restart lose no packet, adopt what is there, and obey the next policy", async () => {
  const links = pinnedLinks(node());
  const maps = readdirSync(join(node().bpffs, "weir"));
  await using datagrams = await client.traffic.stream(udp());
  await using stream = await client.traffic.stream(tcp());
  const goesOn = async () => {
    const before = (await datagrams.report()).received;
    await until("traffic to go on", async () => (await datagrams.report()).received > before + 50);
  };
  await goesOn();

  await node().agent.kill();
  await goesOn();
  expect(await client.traffic.attempt(tcp(), { timeout: 5000 })).toBe("answered");
  expect(await stranger.traffic.attempt(tcp(), { timeout: 400 })).toBe("silent");

  await node().startAgent();
  await goesOn();
  expect(pinnedLinks(node())).toEqual(links);
  expect(readdirSync(join(node().bpffs, "weir"))).toEqual(maps);
  const { lost, sent } = await datagrams.stop();
  expect({ lost, some: sent > 150 }).toEqual({ lost: [], some: true });
  expect((await stream.stop()).ended).toBeNull();

  await node().changeObjects("server.yaml", allowed("stranger"));
  expect(await client.traffic.attempt(tcp(), { timeout: 400 })).toBe("silent");
  expect(await stranger.traffic.attempt(tcp(), { timeout: 5000 })).toBe("answered");
  await node().changeObjects("server.yaml", allowed("client"));
});

test("a policy that changed while the agent was away holds when it is back", async () => {
  await node().agent.kill();
  node().writeObjects("server.yaml", allowed("stranger"));
  await node().startAgent();
  expect(await client.traffic.attempt(tcp(), { timeout: 400 })).toBe("silent");
  expect(await stranger.traffic.attempt(tcp(), { timeout: 5000 })).toBe("answered");
});

test("a pod that is added after a restart gets an address of its own", async () => {
  await node().agent.kill();
  await node().startAgent();
  const late = await node().addPod({ name: "late", labels: { app: "stranger" } });
  expect([server.ipv4, client.ipv4, stranger.ipv4]).not.toContain(late.ipv4);
  expect(await late.traffic.attempt(tcp(), { timeout: 5000 })).toBe("answered");
});

test("SIGTERM leaves the datapath enforcing", async () => {
  expect(await node().agent.stop()).toBe(0);
  expect(await client.traffic.attempt(tcp(), { timeout: 400 })).toBe("silent");
  expect(await stranger.traffic.attempt(tcp(), { timeout: 5000 })).toBe("answered");
  await node().startAgent();
});
