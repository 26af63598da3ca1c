import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      // Not a power of two, nor aligned to one.
      ingress: [{ ports: [{ protocol: "TCP", port: 8001, endPort: 8103 }] }],
    }),
    "client.yaml": networkPolicy({
      name: "client",
      selects: { app: "client" },
      egress: [{ ports: [{ protocol: "TCP", port: 1, endPort: 8101 }] }],
    }),
  },
});
const pods = usePods(node, ["server", "client", "other"]);

// Nobody listens: a refusal tells that policy let the packet through.
test.for([
  ["other", 8000, "silent"],
  ["other", 8001, "refused"],
  ["other", 8063, "refused"],
  ["other", 8064, "refused"],
  ["other", 8103, "refused"],
  ["other", 8104, "silent"],
  ["other", 65535, "silent"],
  ["client", 8101, "refused"],
  ["client", 8102, "silent"],
] as const)("port from %s to a range, %i: %s", async ([from, port, outcome]) => {
  await expectTraffic(pods[from], pods.server, port, outcome);
});
