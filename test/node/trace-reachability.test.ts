import { expect, test } from "vitest";
import { orderedRuleCases } from "#test/support/ordered-rule-cases.ts";
import { type Probe, probeText } from "#test/support/probes.ts";
import { allProbes, Reachability } from "#test/support/reachability.ts";
import { WORLD_PORTS } from "#test/support/reachability-world.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode({ podCidr: "10.5.0.0/24,fd00:5::/64" });
let reachability: Reachability;

prepare(async () => {
  reachability = node().lab.use(await Reachability.create(node()));
});

const probes = allProbes(["x/a", "x/b", "x/c", "y/a"], ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS).filter(
  ({ from, to }) => from === "x/a" || to === "x/a",
);
/** In the short form some cases, and some probes of each. */
const cases = orderedRuleCases.filter((_, i) => i % sized({ short: 3, long: 1 }) === 0);
const step = sized({ short: 13, long: 1 });

/** Whether the packet of a probe would come, as a trace has it. */
async function comes({ from, to, family, protocol, port }: Probe): Promise<boolean> {
  const address = reachability.world.get(to)?.[family === 4 ? "ipv4" : "ipv6"] ?? "";
  const trace = await node().client.trace({ from, to: address, protocol, port });
  expect(trace.differences).toEqual([]);
  return trace.verdict === "allow";
}

test.each(cases.map((one, i) => [one.title, one, i % step] as const))(
  "traces and real packets end alike: %s",
  async (_, { policies, isBlocked }, first) => {
    const reached = new Set(await reachability.check({ policies, isBlocked }, probes));
    for (const probe of probes.filter((_one, i) => i % step === first)) {
      expect([probeText(probe), await comes(probe)]).toEqual([probeText(probe), reached.has(probeText(probe))]);
    }
  },
);
