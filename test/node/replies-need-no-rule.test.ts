import { expect, test } from "vitest";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server", "client"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) await pods.server.traffic.serve(protocol, 80);
  await pods.client.traffic.serve("TCP", 80);
});

test.for(["TCP", "UDP"] as const)("%s goes on when the direction of its replies is denied", async (protocol) => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80, protocol));
  await goesOn(stream);
  const silent = [
    networkPolicy({ name: "server", selects: { app: "server" }, egress: [], ingress: [{ from: [app("client")] }] }),
    networkPolicy({ name: "client", selects: { app: "client" }, ingress: [], egress: [{ to: [app("server")] }] }),
  ].join("---\n");
  await node().changeObjects("silent.yaml", silent);
  await goesOn(stream, 100);
  const { ended, lost } = await stream.stop();
  expect({ ended, lost }).toEqual({ ended: null, lost: [] });

  // A connection of its own in that direction is none of the replies.
  await expectTraffic(pods.server, pods.client, 80, "silent");
  await expectTraffic(pods.client, pods.server, 80, "answered", { protocol });
  await node().changeObjects("silent.yaml", null);
});
