import { expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import { endOf, portsOf } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { together } from "#test/support/object-text.ts";
import { httpServer, inContainer } from "./containers.ts";
import { useContainerd } from "./use-containerd.ts";

const names = ["server", "client", "stranger"];
const pods = names.map((name) => podObject({ namespace: "shop", name, labels: { app: name } }));
const runtime = useContainerd({ objects: { "pods.yaml": together(...pods) } });

const policy = networkPolicy({
  namespace: "shop",
  name: "server",
  selects: { app: "server" },
  ingress: [{ from: [app("client")], ports: [{ port: 80 }] }],
});

test("of pods that kubelet's calls make, policy by the labels of their objects says who reaches whom", async () => {
  const { node, containerd } = runtime();
  const server = await containerd.runPod({ namespace: "shop", name: "server" });
  await server.container("http", httpServer);
  const client = inContainer(await (await containerd.runPod({ namespace: "shop", name: "client" })).container("main"));
  const stranger = inContainer(
    await (await containerd.runPod({ namespace: "shop", name: "stranger" })).container("main"),
  );
  const labels = (await node.client.endpoints()).map((endpoint) => [endpoint.pod, endpoint.labels["app"]]);
  expect(labels).toEqual(names.map((name) => [name, name]));
  for (const address of [server.ipv4, server.ipv6]) {
    expect(await client.get(address)).toBe("hello");
    expect(await stranger.get(address)).toBe("hello");
  }

  await node.changeObjects("policy.yaml", policy);
  for (const address of [server.ipv4, server.ipv6]) {
    expect(await client.get(address)).toBe("hello");
    expect(await stranger.get(address)).toBeNull();
  }

  const observe = async (...args: string[]): Promise<Flow[]> => {
    const { stdout } = await node.weir("observe", "-o", "json", "--port", "80", ...args);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Flow).filter((flow) => !flow.is_reply);
  };
  const rule = { kind: "NetworkPolicy", namespace: "shop", name: "server", rule: "ingress[0]" };
  // Events come a moment after their packets.
  const denied = await until("the flow that was denied", async () => {
    const flows = await observe("--verdict", "DROPPED");
    return flows.length > 0 && flows;
  });
  expect(denied.map((flow) => [endOf(flow, "source"), endOf(flow, "destination"), portsOf(flow)?.destination])).toEqual(
    denied.map(() => ["shop/stranger", "shop/server", 80]),
  );
  expect(denied[0]?.weir.nearest).toMatchObject({
    ...rule,
    because: "pod labels app=stranger do not match app=client",
  });
  const allowed = await observe("--verdict", "FORWARDED", "--pod", "shop/client");
  expect(allowed.map(({ weir }) => weir.rules)).toContainEqual([expect.objectContaining(rule)]);
});
