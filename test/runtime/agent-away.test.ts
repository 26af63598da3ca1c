import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { together } from "#test/support/object-text.ts";
import { httpServer, inContainer } from "./containers.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const runtime = useContainerd({
  objects: {
    "pods.yaml": together(
      ...["server", "client", "stranger"].map((name) => podObject({ name, labels: { app: name } })),
    ),
    "policy.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});

test("pods outlive kill -9 of the agent, with their policy, and can be stopped after its restart", async () => {
  const { node, containerd } = runtime();
  const before = await tracesOn(node);
  const server = await containerd.runPod({ name: "server" });
  await server.container("http", httpServer);
  const client = await containerd.runPod({ name: "client" });
  const stranger = await containerd.runPod({ name: "stranger" });
  const programs = await Promise.all([client, stranger].map(async (pod) => inContainer(await pod.container("main"))));
  const reached = () => Promise.all(programs.map((program) => program.get(server.ipv4)));

  await node.agent.kill();
  expect(await reached()).toEqual(["hello", null]);
  await node.startAgent();
  expect(await reached()).toEqual(["hello", null]);
  for (const pod of [server, client, stranger]) await pod.remove();
  await expectOnly(before, node);
});

test("StopPodSandbox succeeds while the agent is away, and is made good when it is back", async () => {
  const { node, containerd } = runtime();
  const before = await tracesOn(node);
  const pod = await containerd.runPod({ name: "client" });
  const other = await containerd.runPod({ name: "server" });
  await node.agent.kill();
  await pod.stop();
  await other.remove();
  // What a packet could go by is gone at once.
  expect(await mustRun(node.enter(["ip", "-o", "link", "show", "type", "veth"]))).toBe("");
  await node.startAgent();
  expect(await node.client.endpoints()).toEqual([]);
  await pod.remove();
  await expectOnly(before, node);
});

test("RunPodSandbox while the agent restarts waits for it, and succeeds", async () => {
  const { node, containerd } = runtime();
  const before = await tracesOn(node);
  await node.agent.kill();
  const pidFile = join(node.runDir, "agent.pid");
  rmSync(pidFile);
  const [pod] = await Promise.all([
    until("the agent's process", () => existsSync(pidFile), { every: 1 }).then(() =>
      containerd.runPod({ name: "client" }),
    ),
    node.startAgent(),
  ]);
  expect((await node.client.endpoints()).map(({ ipv4, state }) => [ipv4, state])).toEqual([[pod.ipv4, "ready"]]);
  await pod.remove();
  await expectOnly(before, node);
});

test("without an agent RunPodSandbox fails soon, and says why; nothing of the attempt is left", async () => {
  const { node, containerd } = runtime();
  const before = await tracesOn(node);
  await node.agent.kill();
  await expect(containerd.runPod({ name: "client" })).rejects.toThrow(
    /failed to setup network for sandbox .*weir-cni.*agent/,
  );
  await node.startAgent();
  await expectOnly(before, node);
  const pod = await containerd.runPod({ name: "client" });
  await pod.remove();
  await expectOnly(before, node);
});
