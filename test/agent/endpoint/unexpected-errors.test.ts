import { expect, test } from "vitest";
import type { NetworkPolicyObject, PolicyObject } from "#policy/model/object.ts";
import { objectsOf, serverPolicy } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

/** An object over which the code that reads it stumbles. */
function stumblingBlock(broken: keyof NetworkPolicyObject): PolicyObject[] {
  const [object] = objectsOf(serverPolicy("[]"));
  const fail = (): never => {
    throw new TypeError(`${broken} of undefined`);
  };
  return [Object.defineProperty({ ...object }, broken, { enumerable: true, get: fail }) as PolicyObject];
}

const open = objectsOf(serverPolicy("[{}]"));
const closed = objectsOf(serverPolicy("[]"));

async function start() {
  const failures: unknown[] = [];
  const parts = makeNodeParts(undefined, (error) => failures.push(error));
  const destination = await parts.attach("server", { app: "server" });
  const source = await parts.attach("client", { app: "client" });
  const verdict = (): string => parts.kernel.judge({ source, destination, protocol: 6, port: 80 }).ingress.verdict;
  return { ...parts, failures, verdict };
}

test.each(["ingress", "podSelector", "kind"] as const)(
  "a snapshot over whose %s the agent stumbles is refused with the reason, and told with its stack",
  async (broken) => {
    const { policy, kernel, failures, verdict } = await start();
    expect(await policy.apply(open)).toBe(true);
    const generation = kernel.control.generation();
    expect(await policy.apply(stumblingBlock(broken))).toBe(false);
    expect(policy.refusal).toBe(`${broken} of undefined`);
    expect(failures).toEqual([expect.objectContaining({ stack: expect.stringContaining("unexpected-errors") })]);
    expect([policy.objects, kernel.control.generation(), verdict()]).toEqual([open, generation, "allow"]);
    expect(await policy.apply(closed)).toBe(true);
    expect([policy.refusal, verdict()]).toEqual([null, "deny"]);
  },
);

test("a kernel that fails before the change is as good as none; after it, the error goes on", async () => {
  const { policy, kernel, verdict } = await start();
  await policy.apply(open);
  const generation = kernel.control.generation();
  kernel.onWrite = () => {
    throw new Error("no memory");
  };
  expect([await policy.apply(closed), policy.refusal, verdict()]).toEqual([false, "no memory", "allow"]);
  kernel.onWrite = () => {
    if (kernel.control.generation() > generation) throw new Error("no memory");
  };
  await expect(policy.apply(closed)).rejects.toThrow("no memory");
  expect(verdict()).toBe("deny");
});

test("what a pod got for a refused snapshot is given back", async () => {
  const { policy, references } = await start();
  await policy.apply(open);
  const before = references();
  const relabelling = objectsOf(`
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default, labels: {app: other}}
spec: {containers: [{name: x, image: y}]}`);
  expect(await policy.apply([...relabelling, ...stumblingBlock("ingress")])).toBe(false);
  expect(references()).toBe(before);
});
