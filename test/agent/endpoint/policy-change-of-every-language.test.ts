import { expect, test } from "vitest";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type PolicyObject, isPolicyKind } from "#policy/model/object.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { Random } from "#test/support/random.ts";
import { type RandomCluster, randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

/** What DNS servers have answered, by address. */
function learned(flows: readonly Flow[]): Map<string, readonly string[]> {
  const parties = flows.flatMap(({ source, destination }) => [source, destination]);
  return new Map(parties.map(({ address, names }) => [address as string, names ?? []]));
}

/** What an agent's objects can be about: nobody but pods, nodes, the API server and the world. */
function clusterOf(seed: number): RandomCluster {
  const options = { flows: 60, hostPolicies: false, namedPortsOfBlocks: false, reserved: ["remote-node"] as const };
  const cluster = randomCluster(seed, options);
  // An address has the same names in all flows.
  const names = learned(cluster.flows);
  const named = (party: Party): Party => ({ ...party, names: names.get(party.address as string) ?? [] });
  const alike = ({ source, destination, ...flow }: Flow): Flow => {
    return { ...flow, source: named(source), destination: named(destination) };
  };
  // Objects tell only of nodes that have labels.
  const isUnknown = ({ reserved, nodeLabels }: Party): boolean => reserved === "remote-node" && !nodeLabels;
  const flows = cluster.flows.map(alike).filter(({ source }) => source.reserved !== "host");
  return {
    ...cluster,
    flows: flows.filter(({ source, destination }) => !isUnknown(source) && !isUnknown(destination)),
  };
}

/** Both ends' verdicts of every flow by the oracle. */
function expected(objects: readonly PolicyObject[], flows: readonly Flow[]): string[] {
  return flows.map((flow) => {
    const { egress, ingress } = judge(objects, flow);
    return `${egress.verdict} ${ingress.verdict}`;
  });
}

function found(kernel: MemoryKernel, flows: readonly Flow[]): string[] {
  return flows.map(({ source, destination, protocol, port }) => {
    const { egress, ingress } = kernel.judge({
      source: source.address ?? "",
      destination: destination.address ?? "",
      protocol: protocolNumbers[protocol],
      port,
    });
    return `${egress.verdict} ${ingress.verdict}`;
  });
}

test("whatever the languages, at every write every packet meets the old policy or the new one, whole", async () => {
  for (let seed = 1; seed <= sized({ short: 150, long: 1_000 }); seed++) {
    const { pods, objects, flows, family, nodeAddress } = clusterOf(seed);
    // The oracle of one family is enough: the other's ranges are never met.
    if (family === 6) continue;
    const random = new Random(seed);
    const ground = objects.filter((object) => !isPolicyKind(object));
    const some = (): PolicyObject[] => [...ground, ...objects.filter(isPolicyKind).filter(() => random.chance(0.6))];
    const [before, after] = [some(), some()];

    const kernel = new MemoryKernel();
    const { enforcement } = makeEnforcement(kernel);
    enforcement.setNodeAddresses([nodeAddress]);
    for (const [i, { subject, identity, address }] of pods.entries()) {
      await enforcement.add(makeEndpoint(i + 1, subject, identity, address));
    }
    const own = ground.find((object) => object.kind === "Node" && object.addresses.includes(nodeAddress))?.name ?? "n1";
    const outsiders = new Outsiders(new MemoryClasses((2 << 24) + 1), own).plan(ground, objects);
    await enforcement.setNames(learned(flows));
    await enforcement.replacePolicy(enforcement.engine.evolve(before), { always: true, outsiders });
    const [old, next] = [expected(before, flows), expected(after, flows)];
    expect(found(kernel, flows), `seed ${seed}`).toEqual(old);

    const generation = kernel.control.generation();
    kernel.onWrite = (what) => {
      const isOld = kernel.control.generation() === generation;
      expect(found(kernel, flows), `seed ${seed}, ${what}`).toEqual(isOld ? old : next);
    };
    await enforcement.replacePolicy(enforcement.engine.evolve(after), { always: true, outsiders });
    expect(found(kernel, flows), `seed ${seed}`).toEqual(next);
  }
});
