import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { answersPing, ping } from "#test/support/ping.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "ports.yaml": networkPolicy({
      name: "ports",
      selects: { app: "ports" },
      ingress: [
        {
          ports: [
            { protocol: "TCP", port: 80 },
            { protocol: "UDP", port: 53 },
          ],
        },
      ],
    }),
    "any.yaml": networkPolicy({ name: "any", selects: { app: "any" }, ingress: [{}], egress: [] }),
    // May ask, and may not be asked: errors that its own packets cause come to it all the same.
    "quiet.yaml": networkPolicy({ name: "quiet", selects: { app: "quiet" }, ingress: [], egress: [{}] }),
  },
});
const pods = usePods(node, ["ports", "any", "quiet", "free"]);

test("a rule with ports does not mean echo requests; one without means them", async () => {
  for (const family of ["ipv4", "ipv6"] as const) {
    expect(await answersPing(pods.free, pods.ports[family])).toBe(false);
    await ping(pods.free, pods.any[family]);
  }
});

test("echo replies need no rule of their own", async () => {
  for (const family of ["ipv4", "ipv6"] as const) {
    await ping(pods.quiet, pods.any[family]);
    expect(await answersPing(pods.any, pods.quiet[family])).toBe(false);
  }
});

test("an error about a packet that was allowed reaches its sender", async () => {
  for (const family of ["ipv4", "ipv6"] as const) {
    // Nobody listens: the pod's stack says so by ICMP, against its own egress policy.
    await expectTraffic(pods.quiet, pods.any[family], 53, "refused", { protocol: "UDP" });
    await expectTraffic(pods.quiet, pods.ports[family], 53, "refused", { protocol: "UDP" });
    await expectTraffic(pods.quiet, pods.ports[family], 54, "silent", { protocol: "UDP" });
  }
});

test("an error from the world about a packet of a pod reaches the pod", async () => {
  const outside = new Outside(node());
  for (const address of [outside.ipv4, outside.ipv6]) {
    await expectTraffic(pods.quiet, address, 53, "refused", { protocol: "UDP" });
  }
});
