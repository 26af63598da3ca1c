import { expect, test } from "vitest";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** Ports that no prefix joins: one entry each. */
const ports = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ protocol: "TCP" as const, port: 2 * n + 1 }));
const policy = (name: string, count: number) =>
  networkPolicy({
    name,
    selects: { app: name },
    ingress: [{ ports: [{ protocol: "TCP", port: 80 }, ...ports(count)] }],
  });

const args = ["--policy-map-entries", "256"];
const node = useNode({ args, objects: { "server.yaml": policy("server", 100) } });
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("TCP", 80));

async function oldIsInForce(): Promise<void> {
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await expectTraffic(pods.client, pods.server, 199, "refused");
  await expectTraffic(pods.client, pods.server, 401, "silent");
}

test("is refused whole: the old one stays in force, and the status says why", async () => {
  const before = [await node().revision(), await node().client.bpf("policy")];
  node().writeObjects("server.yaml", policy("server", 300));
  await until("the refusal", async () => (await node().client.status()).state === "degraded");
  const { code, stdout } = await node().weir("status");
  expect([code, stdout]).toEqual([
    5,
    expect.stringMatching(/app=server.* 30\d entries .* holds 256; the old policy stays/),
  ]);
  expect([await node().revision(), await node().client.bpf("policy")]).toEqual(before);
  await oldIsInForce();
});

test("other objects are refused with it, until it is mended", async () => {
  const file = join(node().folder, "applied.yaml");
  writeFileSync(file, networkPolicy({ name: "closed", selects: { app: "client" }, ingress: [] }));
  const refused = await node().weir("policy", "apply", file);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/holds 256/)]);
  expect(await node().client.policies()).toHaveLength(1);

  await node().changeObjects("server.yaml", policy("server", 100));
  expect((await node().weir("status")).code).toBe(0);
  expect((await node().weir("policy", "apply", file)).code).toBe(0);
  await node().client.deletePolicy("NetworkPolicy/default/closed");
});

test("by `policy apply` is refused, and not kept", async () => {
  const file = join(node().folder, "large.yaml");
  writeFileSync(file, policy("client", 300));
  const refused = await node().weir("policy", "apply", file);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/holds 256/)]);
  expect((await node().weir("status")).code).toBe(0);
  expect((await node().client.policies()).map(({ name }) => name)).toEqual(["server"]);
});

test("of a pod that comes later: the pod is refused, and all others go on", async () => {
  await node().changeObjects("late.yaml", policy("late", 300));
  await expect(node().addPod({ name: "late", labels: { app: "late" } })).rejects.toThrow(/holds 256/);
  expect((await node().client.endpoints()).map(({ pod }) => pod)).toEqual(["server", "client"]);
  await oldIsInForce();
});

test("of a pod's new labels: the pod keeps its old ones, and the status says why", async () => {
  node().writeObjects("client.yaml", podObject({ name: "client", labels: { app: "late" } }));
  await until("the refusal", async () => (await node().client.status()).state === "degraded");
  expect((await node().client.endpoints()).map(({ labels }) => labels)).toEqual([{ app: "server" }, { app: "client" }]);
  await oldIsInForce();
  await node().changeObjects("client.yaml", null);
  expect((await node().weir("status")).code).toBe(0);
});

test("keeps no agent from starting: pods are guarded as before, and new ones have to wait", async () => {
  node().writeObjects("server.yaml", policy("server", 300));
  await until("the refusal", async () => (await node().client.status()).state === "degraded");
  const revision = await node().revision();
  await node().agent.kill();
  await node().startAgent({ args, degraded: true });
  const { state, problems } = await node().client.status();
  expect([state, problems]).toEqual(["degraded", [expect.stringMatching(/holds 256/)]]);
  expect(await node().revision()).toBe(revision);
  await oldIsInForce();
  await expect(node().addPod({ name: "later" })).rejects.toThrow(/"code":11.*holds 256/);

  await node().changeObjects("server.yaml", policy("server", 100));
  expect((await node().weir("status")).code).toBe(0);
  await oldIsInForce();
  const later = await node().addPod({ name: "later", labels: { app: "server" } });
  await expectTraffic(pods.client, later, 199, "refused");
  await expectTraffic(pods.client, later, 401, "silent");
});
