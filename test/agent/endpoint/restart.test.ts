import { expect, test } from "vitest";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses, MemoryReferences } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { objectsOf } from "#test/support/two-pods.ts";

const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });
const endpoints = [
  makeEndpoint(2, subject("x"), 256),
  makeEndpoint(3, subject("y"), 257),
  makeEndpoint(4, subject("z"), 258),
];

const policyOf = (app: string, ingress: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${app}, namespace: default}
spec: {podSelector: {matchLabels: {app: ${app}}}, policyTypes: [Ingress], ingress: ${ingress}}`;
const engine = (...yaml: string[]): PolicyEngine =>
  new PolicyEngine(yaml.length === 0 ? [] : objectsOf(yaml.join("\n---")));
const ports = (count: number): string =>
  `[{ports: [${Array.from({ length: count }, (_, n) => `{port: ${2 * n + 1}}`).join()}]}]`;

class Killed extends Error {}

async function firstLife() {
  const kernel = new MemoryKernel();
  const references = new MemoryReferences();
  const classes = new MemoryClasses();
  const { enforcement } = makeEnforcement(kernel, references, classes);
  for (const endpoint of endpoints) await enforcement.add(endpoint);
  await enforcement.replacePolicy(engine(), { always: true });
  return { kernel, enforcement, nextLife: () => makeEnforcement(kernel, references, classes).enforcement };
}

test("a policy that was in force when the agent was killed is in force all the time that the next one starts", async () => {
  const { kernel, enforcement, nextLife } = await firstLife();
  kernel.onWrite = (what) => {
    if (what === "barrier") throw new Killed();
  };
  await expect(enforcement.replacePolicy(engine(policyOf("x", "[]")), { always: true })).rejects.toThrow(Killed);
  const verdict = () => {
    return kernel.judge({ source: "10.0.0.4", destination: "10.0.0.2", protocol: 6, port: 80 }).ingress.verdict;
  };
  expect(verdict()).toBe("deny");
  const seen = new Set<string>();
  kernel.onWrite = () => seen.add(verdict());
  // While the agent was away somebody added a policy that speaks of another pod.
  await nextLife().restore(engine(policyOf("x", "[]"), policyOf("y", "[]")), endpoints);
  expect([...seen]).toEqual(["deny"]);
});

test("objects that do not fit keep no agent from starting: what was in force stays, and nobody joins", async () => {
  const { kernel, enforcement, nextLife } = await firstLife();
  await enforcement.replacePolicy(engine(policyOf("x", ports(10))), { always: true });
  const probe = { source: "10.0.0.4", destination: "10.0.0.2", protocol: 6, port: 2 };
  const next = nextLife();
  const refusal = await next.restore(engine(policyOf("x", ports(20_000))), endpoints);
  expect(refusal?.code).toBe("policy-too-large");
  expect(kernel.judge(probe).ingress.verdict).toBe("deny");
  await expect(next.add(makeEndpoint(5, subject("x"), 256))).rejects.toThrow(/refused/);
  await next.replacePolicy(engine(policyOf("x", ports(5))), { always: true });
  await next.add(makeEndpoint(5, subject("x"), 256));
  expect(kernel.judge({ ...probe, destination: "10.0.0.5" }).ingress.verdict).toBe("deny");
});

test("more CIDRs than the ipcache holds are refused before the first write", async () => {
  const { kernel, enforcement } = await firstLife();
  kernel.ipcacheCapacity = 100;
  const blocks = Array.from({ length: 200 }, (_, n) => `{ipBlock: {cidr: 192.0.2.${n}/32}}`).join();
  kernel.writes.length = 0;
  const change = enforcement.replacePolicy(engine(policyOf("x", `[{from: [${blocks}]}]`)), { always: true });
  await expect(change).rejects.toThrow(/205 prefixes and the ipcache holds 100; .* raise --ipcache-entries/);
  expect(kernel.writes).toEqual([]);
});

test("labels that changed while the agent was away count when the policy that it refused is mended", async () => {
  const { kernel, enforcement, nextLife } = await firstLife();
  const fromFriends = (count: number): string => {
    const more = Array.from({ length: count }, (_, n) => `{port: ${2 * n + 1001}}`).join();
    return policyOf("x", `[{from: [{podSelector: {matchLabels: {app: friend}}}], ports: [{port: 80}, ${more}]}]`);
  };
  await enforcement.replacePolicy(engine(fromFriends(10)), { always: true });
  const [server, , other] = endpoints as [GuardedEndpoint, GuardedEndpoint, GuardedEndpoint];
  const friend = { ...other, identity: 300, subject: subject("friend") };
  const next = nextLife();
  expect(await next.restore(engine(fromFriends(20_000)), [server, friend])).not.toBeNull();
  await next.replacePolicy(engine(fromFriends(10)), { always: true });
  const probe = { source: "10.0.0.4", destination: "10.0.0.2", protocol: 6, port: 80 };
  expect(kernel.judge(probe).ingress.verdict).toBe("allow");
});

test("a change that fails after the generation is finished before the next one", async () => {
  const { kernel, enforcement } = await firstLife();
  kernel.onWrite = (what) => {
    if (what === "barrier") throw new Killed();
  };
  await expect(enforcement.replacePolicy(engine(policyOf("x", "[]")), { always: true })).rejects.toThrow(Killed);
  const verdict = () => {
    return kernel.judge({ source: "10.0.0.4", destination: "10.0.0.2", protocol: 6, port: 80 }).ingress.verdict;
  };
  const seen = new Set<string>();
  kernel.onWrite = () => seen.add(verdict());
  await enforcement.replacePolicy(engine(policyOf("x", "[]"), policyOf("y", "[]")), { always: true });
  expect([...seen]).toEqual(["deny"]);
});

test("a change of labels and policy together that was cut short at any write is undone or finished, whole", async () => {
  const admits = (app: string): string => policyOf("x", `[{from: [{podSelector: {matchLabels: {app: ${app}}}}]}]`);
  const [server, , client] = endpoints as [GuardedEndpoint, GuardedEndpoint, GuardedEndpoint];
  const become = { ...client, identity: 300, subject: subject("w") };
  const probe = { source: "10.0.0.4", destination: "10.0.0.2", protocol: 6, port: 80 };
  for (let point = 0; point < 25; point++) {
    const { kernel, enforcement, nextLife } = await firstLife();
    // Both deny: z while the server admits w, then w while it admits z.
    await enforcement.replacePolicy(engine(admits("w")), { always: true });
    const seen = new Set<string>();
    let left = point;
    kernel.onWrite = () => {
      seen.add(kernel.judge(probe).ingress.verdict);
      if (left-- === 0) throw new Killed();
    };
    const joining = [{ id: client.id, identity: become.identity, subject: become.subject }];
    const change = enforcement.replacePolicy(engine(admits("z")), { always: true, joining });
    await change.catch((error: Error) => expect(error).toBeInstanceOf(Killed));
    kernel.onWrite = () => seen.add(kernel.judge(probe).ingress.verdict);
    await nextLife().restore(engine(admits("z")), [server, become]);
    expect([point, ...seen]).toEqual([point, "deny"]);
    const { identity, policy } = kernel.endpoints.read().get(client.id) ?? {};
    expect([identity, policy?.[0]]).toEqual([[300, 300], policy?.[1]]);
  }
});
