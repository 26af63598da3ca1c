import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { NarrowPath } from "#test/support/narrow-path.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const ports = [
  { protocol: "TCP", port: 80 },
  { protocol: "UDP", port: 80 },
] as const;
const node = useNode({
  objects: {
    // Nobody may send anything to the pod: what a router says of its packets passes with their connection.
    "client.yaml": networkPolicy({ name: "client", selects: { app: "client" }, ingress: [], egress: [{ ports }] }),
  },
});
const pods = usePods(node, ["client"]);
let far: NarrowPath;

prepare(async () => {
  far = new NarrowPath(node());
  for (const protocol of ["TCP", "UDP"] as const) await far.traffic.serve(protocol, 80);
});

/** What the pod's stack believes of the way. */
function mtuOf(address: string): number | null {
  const route = mustRunNow(pods.client.namespace.enter(["ip", "route", "get", address]));
  const mtu = /\bmtu (\d+)/.exec(route)?.[1];
  return mtu === undefined ? null : Number(mtu);
}

test.for(["ipv4", "ipv6"] as const)("a router's narrow link is heard of, and a stream goes on: %s", async (family) => {
  await using log = new FlowLog(node().client);
  expect(mtuOf(far[family])).not.toBe(far.mtu);
  await using stream = await pods.client.traffic.stream(targetOf(far[family], 80), { size: 200_000 });
  await goesOn(stream, 40);
  expect((await stream.stop()).ended).toBeNull();
  expect(mtuOf(far[family])).toBe(far.mtu);
  expect(log.since(0).filter(({ verdict }) => verdict === "DROPPED")).toEqual([]);
});

test.for(["ipv4", "ipv6"] as const)("so do datagrams in fragments: %s", async (family) => {
  mustRunNow(pods.client.namespace.enter(["ip", "route", "flush", "cache"]));
  mustRunNow(pods.client.namespace.enter(["ip", "-6", "route", "flush", "cache"]));
  await using stream = await pods.client.traffic.stream(targetOf(far[family], 80, "UDP"), { size: 8000 });
  await goesOn(stream, 40);
  await until("no more to be lost", async () => {
    const before = await stream.report();
    await goesOn(stream, 40);
    const after = await stream.report();
    return after.sent - before.sent <= after.received - before.received + 2;
  });
});
