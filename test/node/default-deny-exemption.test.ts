import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const deny = { ingressDeny: [{ fromEndpoints: [labelled("stranger")] }], egressDeny: [{ toEntities: ["host"] }] };
const exempt = { enableDefaultDeny: { ingress: false, egress: false }, ...deny };

const node = useNode({ objects: { "server.yaml": ciliumPolicy("server", exempt) } });
const pods = usePods(node, ["server", "client", "stranger"]);

/** Nobody listens: a refusal tells that policy let the packet through. */
async function expectOthers(ingress: "refused" | "silent", egress: "refused" | "silent"): Promise<void> {
  await Promise.all([
    expectTraffic(pods.client, pods.server, 80, ingress),
    expectTraffic(pods.client, pods.server.ipv6, 80, ingress),
    expectTraffic(pods.server, pods.client, 80, egress),
    // Its own denies hold in any case.
    expectTraffic(pods.stranger, pods.server, 80, "silent"),
    expectTraffic(pods.server, pods.server.gateway4, 80, "silent"),
  ]);
}

test("a policy that is exempt leaves other traffic open, and its own denies are enforced", async () => {
  await expectOthers("refused", "refused");
});

test("each direction is exempt for itself", async () => {
  await node().changeObjects("server.yaml", ciliumPolicy("server", { enableDefaultDeny: { egress: false }, ...deny }));
  await expectOthers("silent", "refused");
});

test("another policy without the exemption isolates all the same", async () => {
  await node().changeObjects("server.yaml", ciliumPolicy("server", exempt));
  await node().changeObjects("isolate.yaml", ciliumPolicy("server", { egress: [{}] }, { name: "isolate" }));
  await expectOthers("refused", "silent");
});
