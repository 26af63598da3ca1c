import { expect, test } from "vitest";
import type { BpfIpcacheEntry } from "#agent/api/bpf-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const ranges = "10.77.0.0/30,fd00:77::/64";
const more = `${ranges},10.78.0.0/24`;
const node = useNode({
  podCidr: ranges,
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
let outside: Outside;
let server: LabPod;
let client: LabPod;
let stranger: LabPod;

const addPod = (name: string): Promise<LabPod> => node().addPod({ name, labels: { app: name } });
const identityOf = async (prefix: string): Promise<number | undefined> =>
  (await node().read<BpfIpcacheEntry[]>("bpf", "ipcache", "list")).find((entry) => entry.prefix === prefix)?.identity;
const UNMANAGED = 3;

prepare(async () => {
  outside = new Outside(node());
  await mustRun(outside.namespace.enter(["ip", "route", "delete", "default"]));
  await outside.traffic.serve("TCP", 80);
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside"] });
  server = await addPod("server");
  await server.traffic.serve("TCP", 80);
});

test("a full range refuses a pod in clear words, and weir status tells of it", async () => {
  await expect(addPod("late")).rejects.toThrow(/"code": ?11.*pool 10\.77\.0\.0\/30 has 1 of 1 addresses in use/s);
  const { state, problems, ipam } = await node().read<StatusView>("status");
  expect([state, problems]).toEqual(["degraded", ["pool 10.77.0.0/30 is full: 1 of 1 addresses"]]);
  expect(ipam).toEqual({
    mode: "host",
    ranges: [
      { pool: "default", cidr: "10.77.0.0/30", used: 1, cooling: 0, kept: 0, capacity: 1 },
      { pool: "default", cidr: "fd00:77::/64", used: 1, cooling: 0, kept: 0, capacity: 2 ** 64 },
    ],
  });
});

test("a range that is added live serves the next pods, and policy and masquerade hold for them", async () => {
  expect(await identityOf("10.78.0.0/24")).toBeUndefined();
  expect(await node().weir("config", "set", "pod-cidr", more)).toMatchObject({ code: 0, stderr: "" });
  expect(await identityOf("10.78.0.0/24")).toBe(UNMANAGED);
  [client, stranger] = [await addPod("client"), await addPod("stranger")];
  expect([client.ipv4, client.gateway4]).toEqual(["10.78.0.2", "10.77.0.1"]);
  await expectTraffic(client, server, 80, "answered");
  await expectTraffic(client, server.ipv6, 80, "answered");
  await expectTraffic(stranger, server, 80, "silent");
  await expectTraffic(server, client, 80, "refused");
  await expectTraffic(client, outside.ipv4, 80, "answered");
  const verified = await node().weir("policy", "verify");
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("equal at revision") as string]);
  expect(await client.check()).toBeNull();
  expect((await node().read<StatusView>("status")).problems).toEqual([]);
});

test("the prefilter does not take what is a range of pods by now", async () => {
  const { code, stderr } = await node().weir("prefilter", "add", "10.78.0.0/16");
  expect([code, stderr]).toEqual([1, expect.stringContaining("10.78.0.0/24 of this node is in it") as string]);
});

test.each([
  [ranges, "remove the range 10.78.0.0/24: default/client and 1 more have an address of it"],
  ["10.78.0.0/24,10.77.0.0/30,fd00:77::/64", "pods know this node by the address 10.77.0.1"],
  [`${more},10.78.0.0/25`, "overlap"],
])("%s is refused, and nothing changes", async (podCidr, text) => {
  const { code, stderr } = await node().weir("config", "set", "pod-cidr", podCidr);
  expect([code > 0, stderr]).toEqual([true, expect.stringContaining(text) as string]);
  expect((await node().read<StatusView>("status")).ipam.ranges).toHaveLength(3);
  expect(await node().read("config", "get", "pod-cidr")).toMatchObject({ value: more, origin: "live" });
});

test("the range is there after a restart, with its pods", async () => {
  await node().agent.kill();
  await node().startAgent({ args: ["--device", "outside"] });
  await expectTraffic(client, server, 80, "answered");
  await expectTraffic(stranger, server, 80, "silent");
  expect((await node().read<StatusView>("status")).ipam.ranges[2]).toMatchObject({ cidr: "10.78.0.0/24", used: 2 });
});

test("without pods it goes, and its addresses are the world's again", async () => {
  await client.delete();
  await stranger.delete();
  expect(await node().weir("config", "unset", "pod-cidr")).toMatchObject({ code: 0, stderr: "" });
  expect(await identityOf("10.78.0.0/24")).toBeUndefined();
  await expectTraffic(outside, server.ipv6, 80, "silent");
});
