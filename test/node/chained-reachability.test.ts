import { expect, test } from "vitest";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { matrixCases, matrixText } from "#test/support/network-policy-matrix-cases.ts";
import { Random } from "#test/support/random.ts";
import { allProbes } from "#test/support/reachability.ts";
import { WORLD_PODS, WORLD_PORTS, type World } from "#test/support/reachability-world.ts";
import { namesPortOfBlock, realBlocks } from "#test/support/real-blocks.ts";
import { sized } from "#test/support/size.ts";
import { useReachability } from "#test/support/use-reachability.ts";

const primary = useReachability();
const subnets = ["10.5.0.0/24", "fd00:5::/64"];
const chained = useReachability(
  (node, options) => ChainedPod.add(node, { by: "bridge", subnets, ...options }),
  "10.6.0.0/24,fd00:6::/64",
);

const cases = new Random(60)
  .shuffle(matrixCases.filter((one) => !namesPortOfBlock(one)))
  .slice(0, sized({ short: 6, long: 60 }));
const probes = allProbes(WORLD_PODS, ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS).filter(
  ({ from, to }) => from.startsWith("x/") || to.startsWith("x/"),
);

const addresses = (world: World) => [...world].map(([name, { ipv4, ipv6 }]) => [name, ipv4, ipv6]);

test("pods have the same addresses on the bridge and in primary mode", () => {
  expect(addresses(chained().world)).toEqual(addresses(primary().world));
});

test.each(cases)("who reaches whom on a bridge is as in primary mode: $title", async (one) => {
  const policies = [realBlocks(matrixText(one), primary().world)];
  const onBridge = await chained().check({ policies }, probes);
  expect(onBridge).toEqual(await primary().check({ policies }, probes));
});
