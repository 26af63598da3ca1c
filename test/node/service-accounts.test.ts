import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { ciliumPolicy } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const of = (serviceAccount: string): object => ({
  matchLabels: { "io.cilium.k8s.policy.serviceaccount": serviceAccount },
});
const labels = { app: "client" };

const node = useNode({
  objects: { "server.yaml": ciliumPolicy("server", { ingress: [{ fromEndpoints: [of("reader")] }] }) },
});
const pods = usePods(node, ["server", "reader", "writer", "plain"], {
  reader: { labels, serviceAccount: "reader" },
  writer: { labels, serviceAccount: "writer" },
  plain: { labels },
});

/** Nobody listens: a refusal tells that policy let the packet through. */
test("of pods with the same labels, those with the account get through", async () => {
  await expectTraffic(pods.reader, pods.server, 80, "refused");
  await expectTraffic(pods.reader, pods.server.ipv6, 80, "refused");
  await expectTraffic(pods.writer, pods.server, 80, "silent");
  await expectTraffic(pods.plain, pods.server, 80, "silent");
});

test("a policy can be for the pods of an account", async () => {
  await node().changeObjects(
    "writer.yaml",
    ciliumPolicy("writer", { endpointSelector: of("writer"), egressDeny: [{ toEntities: ["all"] }] }),
  );
  await expectTraffic(pods.writer, pods.plain, 80, "silent");
  await expectTraffic(pods.plain, pods.writer, 80, "refused");
  await expectTraffic(pods.reader, pods.plain, 80, "refused");
});
