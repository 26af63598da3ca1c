import { expect, test } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { together } from "#test/support/object-text.ts";
import { httpServer, inContainer } from "./containers.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const names = ["server", "client", "stranger"];
const runtime = useContainerd({
  objects: {
    "pods.yaml": together(...names.map((name) => podObject({ name, labels: { app: name } }))),
    "policy.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});

/** Addresses by the CNI project's plugin, from a range of its own. */
function hostLocal(subnet: string): object {
  return { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] };
}

type Mode = readonly [name: string, addresses: RegExp, plugins: (weir: object, ipam: object) => readonly object[]];

test.for<Mode>([
  [
    "behind bridge, with addresses of host-local",
    /^10\.88\.0\./,
    (weir) => [{ type: "bridge", bridge: "cni0", isGateway: true, ipam: hostLocal("10.88.0.0/24") }, weir],
  ],
  [
    "behind ptp, with addresses of host-local",
    /^10\.88\.1\./,
    (weir) => [{ type: "ptp", ipam: hostLocal("10.88.1.0/24") }, weir],
  ],
  ["behind ptp, with addresses of the agent", /^10\.77\.0\./, (weir, ipam) => [{ type: "ptp", ipam }, weir]],
  ["with addresses of host-local", /^10\.88\.2\./, (weir) => [{ ...weir, ipam: hostLocal("10.88.2.0/24") }]],
])("of pods %s policy says who reaches whom, and nothing is left of them", async ([, addresses, plugins]) => {
  const { node, containerd } = runtime();
  await containerd.useNetwork({ cniVersion: "1.0.0", name: "net", plugins: plugins(...ours(node)) });
  // The bridge stays when its last pod goes.
  await (await containerd.runPod({ name: "server" })).remove();
  const before = await tracesOn(node);

  const server = await containerd.runPod({ name: "server" });
  expect(server.ipv4).toMatch(addresses);
  await server.container("http", httpServer);
  const client = await containerd.runPod({ name: "client" });
  const stranger = await containerd.runPod({ name: "stranger" });
  expect(await inContainer(await client.container("main")).get(server.ipv4)).toBe("hello");
  expect(await inContainer(await stranger.container("main")).get(server.ipv4)).toBeNull();

  for (const pod of [server, client, stranger]) await pod.remove();
  await expectOnly(before, node);
});

/** Our two plugins, with the agent that does their work. */
function ours({ runDir }: LabNode): [weir: object, ipam: object] {
  return [
    { type: "weir-cni", runDir },
    { type: "weir-ipam", runDir },
  ];
}
