import { expect, test } from "vitest";
import type { MetricView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [
        {
          ports: [
            { protocol: "TCP", port: 80 },
            { protocol: "UDP", port: 80 },
          ],
        },
      ],
    }),
  },
});
const pods = usePods(node, ["server", "client"]);
prepare(() => pods.server.traffic.serve("UDP", 80));

test("dump", async () => {
  const m = await node().client.metrics();
  console.log(m.map((one: MetricView) => `${one.name} ${JSON.stringify(one.labels)} ${one.value}`).join("\n"));
  console.log((await node().weir("metrics", "ipam", "endpoints")).stdout);
  await expectTraffic(pods.client, pods.server, 80, "answered", { protocol: "UDP" });
  await until("x", async () => (await node().client.metrics()).length > 0);
  expect(m.length).toBeGreaterThan(3);
});
