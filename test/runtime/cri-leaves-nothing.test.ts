import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { httpServer, inContainer } from "./containers.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const policy = networkPolicy({ name: "all", ingress: [{ from: [app("other"), { podSelector: {} }] }], egress: [{}] });
const runtime = useContainerd({ objects: { "policy.yaml": policy } });

test(
  "StopPodSandbox and RemovePodSandbox leave no device, route, rule, map entry, record or address",
  { timeout: 120_000 },
  async () => {
    const { node, containerd } = runtime();
    const before = await tracesOn(node);
    const server = await containerd.runPod({ name: "server" });
    const client = await containerd.runPod({ name: "client" });
    await server.container("http", httpServer);
    const run = inContainer(await client.container("main"));
    expect(await run.get(server.ipv4)).toBe("hello");
    expect(await run.get(server.ipv6)).toBe("hello");
    expect((await node.client.bpf("conntrack")).length).toBeGreaterThan(1);

    await server.stop();
    expect((await node.client.endpoints()).map(({ pod }) => pod)).toEqual(["client"]);
    await client.stop();
    await server.remove();
    await client.remove();
    await expectOnly(before, node);
    // A sweep, every half minute, forgets what nobody has any more.
    await until("the sweep", async () => (await node.client.bpf("policy")).length === 0, {
      within: 60_000,
      every: 500,
    });
  },
);
