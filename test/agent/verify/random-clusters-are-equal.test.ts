import { expect, test } from "vitest";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import { DEFAULT_HOST_FAILSAFE } from "#policy/model/failsafe.ts";
import { type PolicyObject, isPolicyKind } from "#policy/model/object.ts";
import { makeEndpoint, MemoryClasses } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { Random } from "#test/support/random.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";
import { VerifiedNode } from "#test/support/verified-node.ts";

const modes = ["default", "default", "default", "always", "never"] as const;
const scopes = ["language", "language", true, false] as const;

test("whatever the languages, what enforcement brings into the kernel is equal to the oracle in every class", async () => {
  let classes = 0;
  for (let seed = 1; seed <= sized({ short: 60, long: 1_000 }); seed++) {
    const random = new Random(seed);
    const { pods, objects, nodeAddress, flows } = randomCluster(seed, { hostPolicies: true });
    const ground = objects.filter((object) => !isPolicyKind(object));
    const some = (): PolicyObject[] => [...ground, ...objects.filter(isPolicyKind).filter(() => random.chance(0.8))];

    const node = new VerifiedNode(new MemoryKernel());
    const { enforcement } = node.setup;
    enforcement.setNodeAddresses([nodeAddress]);
    const endpoints = pods.map(({ subject, identity, address }, i) => ({
      ...makeEndpoint(i + 1, subject, identity, address),
      ...(address.includes(":") ? { ipv4: null, ipv6: address } : {}),
    }));
    await node.add(...endpoints.slice(1));
    const outsiders = new Outsiders(new MemoryClasses((2 << 24) + 1), "node-0").plan(ground, objects);
    const options = {
      enforcement: random.pick(modes),
      cidrMatchesPods: random.pick(scopes),
      at: 1_500,
      hostFailsafe: DEFAULT_HOST_FAILSAFE,
    };
    await node.setPolicy(some(), { outsiders, ...options });
    const learned = flows.map(({ destination: { address, names } }) => [address as string, names ?? []] as const);
    await enforcement.setNames(new Map(learned.filter(() => random.chance(0.5))));
    // An identity and a policy later: what came bit by bit is equal to what is computed anew.
    await node.add(...endpoints.slice(0, 1));
    const later = random.chance(0.5) ? { at: 2_500 } : { ...options, audit: random.chance(0.2) };
    await node.setPolicy(some(), { outsiders, ...later });
    await enforcement.setNames(new Map(learned));
    enforcement.remove(endpoints.length);
    enforcement.setNodeAddresses(["10.0.0.77"]);

    const verification = await node.verify();
    expect(verification, `seed ${seed}`).toMatchObject({ state: "equal", differences: [] });
    classes += verification.classes;
  }
  expect(classes).toBeGreaterThan(10_000);
});
