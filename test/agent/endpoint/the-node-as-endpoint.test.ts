import { expect, test } from "vitest";
import { HOST } from "#agent/endpoint/host-endpoint.ts";
import type { OutsiderPlan } from "#agent/endpoint/outsiders.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses, MemoryReferences } from "#test/support/enforcement.ts";
import { MemoryKernel, type Probe } from "#test/support/memory-kernel.ts";
import { hostPolicy, ports } from "#test/support/object-text.ts";
import { objectsOf } from "#test/support/two-pods.ts";

const [node, pod, world] = ["10.0.0.1", "10.0.0.2", "192.0.2.7"] as const;
const subject = { namespace: "default", labels: { app: "a" }, serviceAccount: "default", namedPorts: [] };
const endpoint = makeEndpoint(2, subject, 256);
const probe = (source: string, destination: string, port: number): Probe => {
  return { source, destination, protocol: 6, port };
};
const engine = (...texts: string[]): PolicyEngine => new PolicyEngine(objectsOf(texts.join("\n---\n")));
const outsiders = (ownLabels: Record<string, string>): OutsiderPlan => {
  return { prefixes: [], parties: new Map(), ownLabels };
};
const closed = hostPolicy({ ingress: [{}] });
const only80 = hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts: ports(80) }] });
const only81 = hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts: ports(81) }] });

async function makeNode() {
  const kernel = new MemoryKernel();
  const lives = { references: new MemoryReferences(), classes: new MemoryClasses() };
  const { enforcement } = makeEnforcement(kernel, lives.references, lives.classes);
  await enforcement.add(endpoint);
  const nextLife = () => makeEnforcement(kernel, lives.references, lives.classes).enforcement;
  return { kernel, enforcement, nextLife };
}

/** What the world may reach of the node, whenever a packet may come by. */
function watch(kernel: MemoryKernel): Set<string> {
  const seen = new Set<string>();
  kernel.onWrite = () => {
    const [first, second] = [80, 81].map((port) => kernel.judge(probe(world, node, port)).ingress.verdict);
    seen.add(`${first} ${second}`);
  };
  return seen;
}

test("the node has a record only while a policy selects it", async () => {
  const { kernel, enforcement } = await makeNode();
  const ofZone = closed.replace("nodeSelector: {}", "nodeSelector: {matchLabels: {zone: a}}");
  const change = async (policy: string, labels: Record<string, string>): Promise<boolean> => {
    await enforcement.replacePolicy(engine(policy), { always: true, outsiders: outsiders(labels) });
    return kernel.endpoints.read().has(HOST);
  };
  expect(await change("", { zone: "a" })).toBe(false);
  expect(await change(ofZone, { zone: "b" })).toBe(false);
  expect(await change(ofZone, { zone: "a" })).toBe(true);
  expect(kernel.judge(probe(world, node, 80)).ingress.verdict).toBe("deny");
  expect(await change(ofZone, { zone: "b" })).toBe(false);
  await enforcement.collect();
  expect(kernel.policies.read().size).toBe(1);
});

test("it comes, changes and goes as one transaction: no packet meets anything between two policies", async () => {
  const { kernel, enforcement } = await makeNode();
  const seen = watch(kernel);
  const change = async (policy: string): Promise<string[]> => {
    seen.clear();
    await enforcement.replacePolicy(engine(policy), { always: true });
    return [...seen];
  };
  expect(await change(only80)).toEqual(["allow allow", "allow deny"]);
  expect(await change(only81)).toEqual(["allow deny", "deny allow"]);
  expect(await change("")).toEqual(["deny allow", "allow allow"]);
});

test("it reaches its own pods and itself, unless its egress policy denies", async () => {
  const { kernel, enforcement } = await makeNode();
  await enforcement.replacePolicy(engine(closed), { always: true });
  expect(kernel.judge(probe(node, pod, 80))).toMatchObject({
    egress: { verdict: "allow" },
    ingress: { verdict: "allow" },
  });
  await enforcement.replacePolicy(engine(hostPolicy({ egress: [{}] })), { always: true });
  expect(kernel.judge(probe(node, pod, 80)).egress.verdict).toBe("deny");
});

test("a restart keeps it guarded all the time, and forgets addresses that it has no more", async () => {
  const { kernel, enforcement, nextLife } = await makeNode();
  await enforcement.replacePolicy(engine(only80), { always: true });
  enforcement.setNodeAddresses([node, "10.9.9.9"]);
  const seen = watch(kernel);
  await nextLife().restore(engine(only80), [endpoint]);
  expect([...seen]).toEqual(["allow deny"]);
  expect(kernel.endpoints.read().get(HOST)?.nodeAddresses).toEqual([node]);
  seen.clear();
  await nextLife().restore(engine(""), [endpoint]);
  expect([...seen]).toEqual(["allow deny", "allow allow"]);
  expect(kernel.endpoints.read().has(HOST)).toBe(false);
});

test("a policy about nodes that does not fit is refused, and leaves nothing", async () => {
  const { kernel, enforcement } = await makeNode();
  const many = hostPolicy({
    ingress: Array.from({ length: 500 }, (_, i) => ({ fromEntities: ["world"], toPorts: ports(...odd(i)) })),
  });
  const before = kernel.writes.length;
  await expect(enforcement.replacePolicy(engine(many), { always: true })).rejects.toThrow(/the policy of this node/);
  expect(kernel.writes.length).toBe(before);
});

test("a staged policy about nodes has them judged, and lets everything through", async () => {
  const { kernel, enforcement } = await makeNode();
  const staged = hostPolicy({ ingress: [{}] }, { annotations: { "weir.io/stage": "audit" } });
  await enforcement.replacePolicy(engine(staged), { always: true });
  expect(kernel.endpoints.read().has(HOST)).toBe(true);
  expect(kernel.judge(probe(world, node, 80)).ingress.verdict).toBe("allow");
});

/** Forty ports that no prefix joins. */
function odd(part: number): number[] {
  return Array.from({ length: 40 }, (_, i) => 2 * (40 * part + i) + 1);
}
