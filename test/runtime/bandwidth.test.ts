import { expect, test } from "vitest";
import { useContainerd } from "./use-containerd.ts";

const runtime = useContainerd({
  network: ({ runDir }) => ({
    cniVersion: "1.0.0",
    name: "weir",
    plugins: [{ type: "weir-cni", runDir, capabilities: { bandwidth: true } }],
  }),
});

test("the bandwidth of a pod's annotations arrives by the runtime, where no Pod object says it", async () => {
  const { node, containerd } = runtime();
  const annotations = { "kubernetes.io/egress-bandwidth": "10M", "kubernetes.io/ingress-bandwidth": "20M" };
  await using _limited = await containerd.runPod({ name: "limited", annotations });
  const [endpoint] = await node.client.endpoints();
  expect(endpoint?.bandwidth).toEqual({ egress: 10_000_000, ingress: 20_000_000 });
});
