import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { labelled, objectText } from "#test/support/object-text.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const names = ["a", "b", "c"] as const;
const allowAll = (namespace: (typeof names)[number]): string =>
  networkPolicy({ name: "allow-all", namespace, ingress: [{}] });

const node = useNode({
  objects: {
    "clusterwide.yaml": objectText(
      "CiliumClusterwideNetworkPolicy",
      { name: "no-strangers" },
      {
        spec: {
          endpointSelector: {},
          enableDefaultDeny: { ingress: false },
          ingressDeny: [{ fromEndpoints: [labelled("stranger")] }],
        },
      },
    ),
  },
});
const pods = usePods(node, [...names, "friend", "stranger"], {
  a: { namespace: "a" },
  b: { namespace: "b" },
  c: { namespace: "c" },
  stranger: { namespace: "away" },
});

/** Nobody listens: a refusal tells that policy let the packet through. */
async function expectDenied(): Promise<void> {
  await Promise.all(
    names.flatMap((name) => [
      expectTraffic(pods.stranger, pods[name], 80, "silent"),
      expectTraffic(pods.stranger, pods[name].ipv6, 80, "silent"),
      expectTraffic(pods.friend, pods[name], 80, "refused"),
    ]),
  );
}

test("one object governs the pods of three namespaces", async () => {
  await expectDenied();
});

test("a namespace's own policy cannot undo its deny", async () => {
  for (const name of names) await node().changeObjects(`${name}.yaml`, allowAll(name));
  await expectDenied();
  const args = ["--from", "away/stranger", "--to", "b/b", "--port", "80"];
  const { ingress } = await node().read<Evaluation>("policy", "eval", ...args);
  expect(ingress).toMatchObject({ verdict: "deny", by: [{ name: "no-strangers", rule: "ingressDeny[0]" }] });
});

test("without it all three are open again", async () => {
  await node().changeObjects("clusterwide.yaml", null);
  await Promise.all(names.map((name) => expectTraffic(pods.stranger, pods[name], 80, "refused")));
});
