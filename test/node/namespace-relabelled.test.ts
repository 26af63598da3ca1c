import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { namespaceObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy, clusterPolicy } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const trusted = { matchLabels: { trust: "high" } };
const many = ["one", "two", "three"] as const;

const node = useNode({
  objects: {
    "team.yaml": namespaceObject("team"),
    "kubernetes.yaml": networkPolicy({
      name: "kubernetes",
      selects: { app: "kubernetes" },
      ingress: [{ from: [{ namespaceSelector: trusted }] }],
    }),
    "cilium.yaml": ciliumPolicy("cilium", {
      ingress: [{ fromEndpoints: [{ matchLabels: { "k8s:io.cilium.k8s.namespace.labels.trust": "high" } }] }],
    }),
    // The pods themselves come under a policy, too.
    "admin.yaml": clusterPolicy("admin", "Admin", 1, {
      subject: { namespaces: trusted },
      ingress: [{ action: "Deny", from: [{ namespaces: {} }] }],
    }),
  },
});
const pods = usePods(node, ["kubernetes", "cilium", ...many], {
  one: { namespace: "team" },
  two: { namespace: "team" },
  three: { namespace: "team" },
});

/** Nobody listens: a refusal tells that policy let the packet through. */
async function expectTrust(isTrusted: boolean): Promise<void> {
  const [out, back] = isTrusted ? (["refused", "silent"] as const) : (["silent", "refused"] as const);
  await Promise.all(
    many.flatMap((name) => [
      expectTraffic(pods[name], pods.kubernetes, 80, out),
      expectTraffic(pods[name], pods.cilium, 80, out),
      expectTraffic(pods[name], pods.cilium.ipv6, 80, out),
      expectTraffic(pods.cilium, pods[name], 80, back),
    ]),
  );
}

test("a namespace's label turns the verdicts of all its pods, and its removal turns them back", async () => {
  await expectTrust(false);
  await node().changeObjects("team.yaml", namespaceObject("team", { trust: "high" }));
  await expectTrust(true);
  await node().changeObjects("team.yaml", namespaceObject("team", { trust: "low" }));
  await expectTrust(false);
});
