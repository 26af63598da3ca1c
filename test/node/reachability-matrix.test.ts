import { test } from "vitest";
import { matrixCases, matrixText } from "#test/support/network-policy-matrix-cases.ts";
import { allProbes } from "#test/support/reachability.ts";
import { WORLD_PODS, WORLD_PORTS } from "#test/support/reachability-world.ts";
import { namesPortOfBlock, realBlocks } from "#test/support/real-blocks.ts";
import { sized } from "#test/support/size.ts";
import { useReachability } from "#test/support/use-reachability.ts";

const reachability = useReachability();

// Steps that go through all variations of peers, and of ports.
const step = sized({ short: 127, long: 5 });
const cases = matrixCases.filter((one, i) => i % step === 0 && !namesPortOfBlock(one));
const probes = allProbes(WORLD_PODS, ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS).filter(
  ({ from, to }) => from.startsWith("x/") || to.startsWith("x/"),
);

test.each(cases)("packets reach whom the oracle says: $title", async (one) => {
  await reachability().check({ policies: [realBlocks(matrixText(one), reachability().world)] }, probes);
});
