import { test } from "vitest";
import { type MatrixPolicy, matrixCases, matrixText } from "#test/support/network-policy-matrix-cases.ts";
import { allProbes } from "#test/support/reachability.ts";
import { WORLD_PODS, WORLD_PORTS } from "#test/support/reachability-world.ts";
import { sized } from "#test/support/size.ts";
import { useReachability } from "#test/support/use-reachability.ts";

const reachability = useReachability();

// Steps that go through all variations of peers, and of ports.
const step = sized({ short: 127, long: 5 });
// A named port towards a block is what the datapath opens to no pod: `policy eval` notes it.
const cases = matrixCases.filter((one, i) => i % step === 0 && !one.policies.some(namesPortOfBlock));
const probes = allProbes(WORLD_PODS, ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS).filter(
  ({ from, to }) => from.startsWith("x/") || to.startsWith("x/"),
);

function namesPortOfBlock({ rules: { egress = [] } }: MatrixPolicy): boolean {
  return egress.some(({ peer, port }) => {
    return JSON.stringify(peer.peers ?? []).includes("ipBlock") && JSON.stringify(port.ports ?? []).includes("serve-");
  });
}

/** Blocks of addresses in the cases, and others of the node that have some pods, too. */
function realBlocks(text: string): string {
  const { world } = reachability();
  const blocks: Record<string, string> = {
    "10.4.0.0/16": "10.5.0.0/24",
    "10.4.1.0/24": "10.5.0.4/30",
    "10.4.2.0/24": "10.5.0.8/29",
    "10.4.2.0/31": "10.5.0.8/30",
    "10.4.0.2/32": `${world.get("x/b")?.ipv4}/32`,
    "10.4.2.1/32": `${world.get("z/a")?.ipv4}/32`,
    "10.4.2.3/32": `${world.get("z/c")?.ipv4}/32`,
    "fd00::/8": "fd00:5::4/126",
  };
  return Object.entries(blocks).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

test.each(cases)("packets reach whom the oracle says: $title", async (one) => {
  await reachability().check({ policies: [realBlocks(matrixText(one))] }, probes);
});
