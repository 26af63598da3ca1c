import { expect, test } from "vitest";
import { Traffic } from "#agent/local/traffic.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "p.yaml": networkPolicy({ name: "p", selects: { app: "server" }, ingress: [{ from: [{ podSelector: {} }] }] }),
  },
});
const pods = usePods(node, ["server", "client", "narrow"], { narrow: { config: { mtu: 1280 } } });

prepare(() => pods.server.traffic.serve("TCP", 80));

// Larger than any packet: segmented by the kernel at the end of the way only, or not at all.
test.for(["ipv4", "ipv6"] as const)(
  "megabytes come and go by %s, between pods of any MTU and with the node",
  async (family) => {
    await using host = new Traffic(node().namespace, (pid) => node().lab.track(pid));
    for (const traffic of [pods.client.traffic, pods.narrow.traffic, host]) {
      await using stream = await traffic.stream(targetOf(pods.server[family], 80), { size: 200_000 });
      await goesOn(stream, 40);
      expect((await stream.stop()).ended).toBeNull();
    }
  },
);
