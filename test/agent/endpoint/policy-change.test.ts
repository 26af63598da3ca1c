import fc from "fast-check";
import { expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from "#policy/model/object.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { MemoryKernel, type Probe } from "#test/support/memory-kernel.ts";
import { sized } from "#test/support/size.ts";

const none = { podSelector: null, namespaceSelector: null, ipBlock: null };
const app = (value: string) => ({ matchLabels: { app: value }, matchExpressions: [] });
const everything = { matchLabels: {}, matchExpressions: [] };

const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  fc.constantFrom("a", "b", "c").map((value) => ({ ...none, podSelector: app(value) })),
  fc
    .constantFrom("10.0.0.0/8", "10.0.0.0/28", "10.0.0.2/32", "192.0.2.0/24", "192.0.2.128/25", "0.0.0.0/0")
    .map((cidr) => ({ ...none, ipBlock: { cidr, except: [] } })),
  fc
    .constantFrom("10.0.0.4/30", "10.0.0.3/32", "10.0.0.0/29")
    .map((except) => ({ ...none, ipBlock: { cidr: "10.0.0.0/24", except: [except] } })),
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc
  .tuple(fc.constantFrom("TCP" as const, "UDP" as const), fc.constantFrom(null, 80, 81), fc.boolean())
  .map(([protocol, number, range]) => ({
    protocol,
    port: number,
    endPort: number !== null && range ? number + 5 : null,
  }));
const rule = fc.record({
  line: fc.constant(1),
  peers: fc.array(peer, { maxLength: 2 }),
  ports: fc.array(port, { maxLength: 2 }),
});
const policy = fc.record({
  kind: fc.constant("NetworkPolicy" as const),
  namespace: fc.constant("default"),
  name: fc.constantFrom("p", "q", "r"),
  source: fc.constant({ file: "test.yaml", line: 1 }),
  controls: fc.constant(NO_CONTROLS),
  podSelector: fc.oneof(fc.constantFrom("a", "b", "c").map(app), fc.constant(everything)),
  policyTypes: fc.constantFrom(["Ingress" as const], ["Egress" as const], ["Ingress" as const, "Egress" as const]),
  ingress: fc.array(rule, { maxLength: 3 }),
  egress: fc.array(rule, { maxLength: 3 }),
});
const policies = fc.uniqueArray(policy, { maxLength: 3, selector: ({ name }) => name });

const subject = (label: string): Subject => ({
  namespace: "default",
  labels: { app: label },
  serviceAccount: "default",
  namedPorts: [],
});
const endpoints = ["a", "b", "a", "c"].map((label, i) => {
  return makeEndpoint(i + 2, subject(label), 256 + "abc".indexOf(label));
});
const outside = ["192.0.2.7", "192.0.2.200", "10.9.9.9"];

function allProbes(): Probe[] {
  const pods = endpoints.map((endpoint) => endpoint.ipv4 as string);
  const pairs = pods.flatMap((pod) => [
    ...pods.filter((other) => other !== pod).map((other) => [pod, other]),
    ...outside.flatMap((other) => [
      [pod, other],
      [other, pod],
    ]),
  ]) as [string, string][];
  return pairs.flatMap(([source, destination]) =>
    [
      [6, 80],
      [6, 83],
      [17, 81],
      [1, 8],
    ].map(([protocol, number]) => ({ source, destination, protocol: protocol as number, port: number as number })),
  );
}
const probes = allProbes();

/** What every probe meets, with the rules by name. */
function verdicts(kernel: MemoryKernel): string[] {
  return probes.map((probe) => JSON.stringify(kernel.judge(probe)));
}

async function settled(
  objects: readonly NetworkPolicyObject[],
  references: ReturnType<typeof makeEnforcement>["references"],
) {
  const kernel = new MemoryKernel();
  const { enforcement } = makeEnforcement(kernel, references);
  for (const endpoint of endpoints) await enforcement.add(endpoint);
  await enforcement.replacePolicy(new PolicyEngine(objects), { always: true });
  return verdicts(kernel);
}

test("at every write of a policy change, every packet meets the old policy or the new one, whole", async () => {
  const property = fc.asyncProperty(policies, policies, async (before, after) => {
    const kernel = new MemoryKernel();
    const { enforcement, references } = makeEnforcement(kernel);
    const old = await settled(before, references);
    const next = await settled(after, references);
    for (const endpoint of endpoints) await enforcement.add(endpoint);
    await enforcement.replacePolicy(new PolicyEngine(before), { always: true });
    expect(verdicts(kernel)).toEqual(old);

    const generation = kernel.control.generation();
    kernel.onWrite = (what) => {
      const expected = kernel.control.generation() === generation ? old : next;
      expect(verdicts(kernel), what).toEqual(expected);
    };
    await enforcement.replacePolicy(new PolicyEngine(after), { always: true });
    expect(kernel.control.generation()).toBe(generation + 1n);
    expect(verdicts(kernel)).toEqual(next);
  });
  await fc.assert(property, { numRuns: sized({ short: 100, long: 5_000 }) });
});

test("after a restart nothing is written that was right", async () => {
  const property = fc.asyncProperty(policies, async (objects) => {
    const kernel = new MemoryKernel();
    const { enforcement, references, classes } = makeEnforcement(kernel);
    for (const endpoint of endpoints) await enforcement.add(endpoint);
    await enforcement.replacePolicy(new PolicyEngine(objects), { always: true });
    const before = verdicts(kernel);

    kernel.writes.length = 0;
    const restarted = makeEnforcement(kernel, references, classes).enforcement;
    await restarted.restore(new PolicyEngine(objects), endpoints);
    expect(kernel.writes).toEqual([]);
    expect(verdicts(kernel)).toEqual(before);
  });
  await fc.assert(property, { numRuns: sized({ short: 100, long: 5_000 }) });
});

test("a crash at any write of a policy change is mended by the next start", async () => {
  const property = fc.asyncProperty(policies, policies, fc.nat(), async (before, after, point) => {
    const kernel = new MemoryKernel();
    const { enforcement, references, classes } = makeEnforcement(kernel);
    const next = await settled(after, references);
    for (const endpoint of endpoints) await enforcement.add(endpoint);
    await enforcement.replacePolicy(new PolicyEngine(before), { always: true });

    let left = point % 40;
    kernel.onWrite = () => {
      if (left-- === 0) throw new Error("crash");
    };
    const crashed = enforcement.replacePolicy(new PolicyEngine(after), { always: true });
    await crashed.catch((error: Error) => expect(error.message).toBe("crash"));
    kernel.onWrite = () => {};
    const restarted = makeEnforcement(kernel, references, classes).enforcement;
    await restarted.restore(new PolicyEngine(after), endpoints);
    expect(verdicts(kernel)).toEqual(next);
    // Nothing is left of the change that was cut short.
    const used = new Set([...kernel.endpoints.read().values()].flatMap(({ policy }) => policy));
    expect(new Set(kernel.policies.read().keys())).toEqual(used);
  });
  await fc.assert(property, { numRuns: sized({ short: 150, long: 10_000 }) });
});

test("endpoints come and go in any order, and the rest is judged as if they had never been", async () => {
  const property = fc.asyncProperty(
    policies,
    fc.array(fc.nat({ max: 3 }), { maxLength: 12 }),
    async (objects, toggles) => {
      const kernel = new MemoryKernel();
      const { enforcement, references } = makeEnforcement(kernel);
      await enforcement.replacePolicy(new PolicyEngine(objects), { always: true });
      const present = new Set<number>();
      for (const index of toggles) {
        const endpoint = endpoints[index] as (typeof endpoints)[number];
        if (present.delete(index)) {
          enforcement.remove(endpoint.id);
          await enforcement.collect();
        } else {
          present.add(index);
          await enforcement.add(endpoint);
        }
      }
      const fresh = new MemoryKernel();
      const other = makeEnforcement(fresh, references).enforcement;
      for (const index of present) await other.add(endpoints[index] as (typeof endpoints)[number]);
      await other.replacePolicy(new PolicyEngine(objects), { always: true });
      expect(verdicts(kernel)).toEqual(verdicts(fresh));
    },
  );
  await fc.assert(property, { numRuns: sized({ short: 100, long: 5_000 }) });
});
