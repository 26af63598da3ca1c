import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** The same addresses in both languages: pods, the node's gateway, and a machine outside. */
const cidrs = ["10.77.0.0/24", "192.0.2.2/32"];

const node = useNode({
  objects: {
    "kubernetes.yaml": networkPolicy({
      name: "kubernetes",
      selects: { app: "kubernetes" },
      egress: [{ to: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }],
    }),
    "cilium.yaml": ciliumPolicy("cilium", { egress: [{ toCIDR: cidrs }] }),
  },
});
const pods = usePods(node, ["kubernetes", "cilium", "server"]);
let outside: Outside;

prepare(async () => {
  outside = new Outside(node());
});

type Outcome = "refused" | "silent";

/** What each reaches that is in the cluster; both reach what is outside. Nobody listens. */
async function expectInside(kubernetes: Outcome, cilium: Outcome): Promise<void> {
  await Promise.all(
    (
      [
        ["kubernetes", kubernetes],
        ["cilium", cilium],
      ] as const
    ).flatMap(([name, outcome]) => [
      expectTraffic(pods[name], pods.server, 80, outcome),
      expectTraffic(pods[name], pods[name].gateway4, 80, outcome),
      expectTraffic(pods[name], outside.ipv4, 80, "refused"),
    ]),
  );
  expect((await node().weir("policy", "verify")).code).toBe(0);
}

test("a NetworkPolicy's block means pods and the node, too; a CIDR of a CiliumNetworkPolicy does not", async () => {
  await expectInside("refused", "silent");
});

test.for<[string, Outcome, Outcome]>([
  ["true", "refused", "refused"],
  ["false", "silent", "silent"],
  ["language", "refused", "silent"],
])("cidr-matches-pods %s, set live, holds for both languages", async ([value, kubernetes, cilium]) => {
  expect((await node().weir("config", "set", "cidr-matches-pods", value)).code).toBe(0);
  await expectInside(kubernetes, cilium);
});
