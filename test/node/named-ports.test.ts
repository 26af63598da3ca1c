import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const server = (name: string, port: number) =>
  podObject({ name, labels: { app: "server" }, ports: [{ name: "http", protocol: "TCP", port }] });

const node = useNode({
  objects: {
    // The same name for another number in each.
    "first.yaml": server("first", 8001),
    "second.yaml": server("second", 8002),
    "ingress.yaml": networkPolicy({
      name: "ingress",
      selects: { app: "server" },
      ingress: [{ from: [app("client"), app("restricted")], ports: [{ port: "http" }] }, { from: [app("open")] }],
    }),
    "egress.yaml": networkPolicy({
      name: "egress",
      selects: { app: "restricted" },
      egress: [{ ports: [{ port: "http" }] }],
    }),
  },
});
const pods = usePods(node, ["first", "second", "client", "open", "restricted", "unnamed"]);

// Nobody listens: a refusal tells that policy let the packet through.
test("ingress by a named port opens each pod's own number", async () => {
  await expectTraffic(pods.client, pods.first, 8001, "refused");
  await expectTraffic(pods.client, pods.first, 8002, "silent");
  await expectTraffic(pods.client, pods.second, 8002, "refused");
  await expectTraffic(pods.client, pods.second, 8001, "silent");
  await expectTraffic(pods.client, pods.first, 8001, "silent", { protocol: "UDP" });
  await expectTraffic(pods.open, pods.first, 8002, "refused");
});

test("egress by a named port opens the number that the other pod gives it", async () => {
  await expectTraffic(pods.restricted, pods.first, 8001, "refused");
  await expectTraffic(pods.restricted, pods.first, 8002, "silent");
  await expectTraffic(pods.restricted, pods.second, 8002, "refused");
  await expectTraffic(pods.restricted, pods.unnamed, 8001, "silent");
});

test("a pod's new table of ports counts at once", async () => {
  await node().changeObjects("second.yaml", server("second", 8003));
  await expectTraffic(pods.client, pods.second, 8003, "refused");
  await expectTraffic(pods.client, pods.second, 8002, "silent");
  await expectTraffic(pods.restricted, pods.second, 8003, "refused");
  const args = ["--from", "default/client", "--to", "default/second", "--port", "8003"];
  expect(await node().read("policy", "eval", ...args)).toMatchObject({ verdict: "allow" });
});
