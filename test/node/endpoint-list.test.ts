import { expect, test } from "vitest";
import type { EndpointView, IdentityView } from "#agent/api/views.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: { "web.yaml": networkPolicy({ name: "web", namespace: "shop", selects: { app: "web" }, ingress: [] }) },
});
const pods = usePods(node, ["web-1"], {
  "web-1": { namespace: "shop", labels: { app: "web" }, serviceAccount: "seller" },
});

test("endpoint list -o json is what scripts rely on, to the letter", async () => {
  const pod = pods["web-1"];
  const list = await node().read<EndpointView[]>("endpoint", "list");
  expect(list).toEqual([
    {
      id: expect.any(Number) as number,
      containerId: pod.containerId,
      ifName: "eth0",
      hostInterface: pod.hostInterface,
      namespace: "shop",
      pod: "web-1",
      labels: { app: "web" },
      identity: expect.any(Number) as number,
      ipv4: pod.ipv4,
      ipv6: pod.ipv6,
      state: "ready",
      policy: { ingress: true, egress: false },
      revision: await node().revision(),
      bandwidth: { egress: null, ingress: null },
    },
  ]);
  expect(list[0]?.identity).toBeGreaterThanOrEqual(256);
});

test("get, log and labels speak of one endpoint; another number is not found", async () => {
  const [endpoint] = await node().client.endpoints();
  const id = String(endpoint?.id);
  expect(await node().read("endpoint", "get", id)).toEqual(endpoint);
  const log = await node().read<{ event: string }[]>("endpoint", "log", id);
  expect(log.map(({ event }) => event)).toEqual(["created", "ready"]);
  expect((await node().weir("endpoint", "get", "65535")).code).toBe(4);
});

test("the identity is that of namespace, labels and service account", async () => {
  const [endpoint] = await node().client.endpoints();
  const identity = await node().read<IdentityView>("identity", "get", String(endpoint?.identity));
  expect(identity).toEqual({
    id: endpoint?.identity,
    scope: "cluster",
    labels: {
      app: "web",
      "io.kubernetes.pod.namespace": "shop",
      "io.cilium.k8s.policy.serviceaccount": "seller",
    },
  });
  const identities = await node().read<IdentityView[]>("identity", "list");
  expect(identities).toContainEqual(identity);
  expect(identities).toContainEqual({ id: 1, labels: { "reserved:host": "" }, scope: "reserved" });
});

test("regenerate writes the policy anew: as it was, in another slot of the kernel's", async () => {
  const [endpoint] = await node().client.endpoints();
  const id = String(endpoint?.id);
  const slots = async () => (await node().client.bpf("endpoints")).find((one) => String(one.id) === id)?.policy;
  const before = await slots();
  expect(await node().read("endpoint", "regenerate", id)).toEqual(endpoint);
  expect(await slots()).not.toEqual(before);
  expect((await node().weir("policy", "verify", id)).code).toBe(0);
});
