import { expect, test } from "vitest";
import { LabNode } from "#agent/local/lab-node.ts";
import { mustRun } from "#agent/local/command.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addressOf, type Container, makeContainer, runtimeOf } from "./containers.ts";
import { expectFailure } from "./expect-error.ts";
import { PluginError } from "./plugin-call.ts";
import { nodeState } from "./node-state.ts";
import type { Runtime } from "./runtime.ts";

// Addresses for two pods beside those of the node and of the client.
const node = useNode({ podCidr: "10.77.0.0/29" });
const pods = usePods(node, ["client"]);

/** Adds containers until there is no address for another. */
async function fill(runtime: Runtime): Promise<{ added: Container[]; refusal: PluginError; refused: Container }> {
  const added: Container[] = [];
  for (let round = 0; round < 20; round += 1) {
    const container = makeContainer(node(), "client");
    try {
      await runtime.add(container);
      added.push(container);
    } catch (error) {
      if (error instanceof PluginError) return { added, refusal: error, refused: container };
      throw error;
    }
  }
  throw new Error("the pool does not get full");
}

test("cni-48: STATUS is silent when ADD would succeed", async () => {
  await runtimeOf(node()).status();
});

test("cni-49, cni-50, cni-51, cni-52, code-50, code-51: a full pool is told by STATUS and ADD at once, and the rest goes on", async () => {
  const runtime = runtimeOf(node());
  const { added, refusal, refused } = await fill(runtime);
  // Addresses that were given back rest for a while: the runtime is to try again.
  expect(refusal.error.code).toBe(11);
  expect(refusal.error.msg).toContain("10.77.0.0/29");
  expect(await mustRun(refused.namespace.enter(["ip", "-o", "link"]))).not.toContain("eth0");
  expect((await expectFailure(runtime.status(), 50)).msg).toContain("10.77.0.0/29");

  const [first, second] = added as [Container, Container];
  await runtime.check(first);
  const result = runtime.result(first);
  await expectTraffic(pods.client, result ? addressOf(result) : "", 80, "refused");
  // Now somebody is cut off besides.
  const host = runtime.result(second)?.interfaces?.[0]?.name ?? "";
  await mustRun(node().namespace.enter(["ip", "route", "flush", "dev", host]));
  expect((await expectFailure(runtime.status(), 51)).msg).toMatch(/route to .* is missing/);
  await runtime.deleteAll();
  expect((await nodeState(node())).endpoints?.length).toBe(1);
});

test("cni-49, cni-50, code-50: without an agent STATUS says so, and DEL goes on", async () => {
  const runtime = runtimeOf(node());
  await node().agent.stop();
  await expectFailure(runtime.status(), 50);
  await runtime.delete(makeContainer(node(), "gone"));
  // Addresses that rest after the test before make the pool nearly full.
  await node().startAgent({ degraded: true });
});

test("cni-51: an ADD without any STATUS before it succeeds", async () => {
  const fresh = LabNode.create(node().lab, { name: "fresh" });
  await fresh.startAgent();
  const runtime = runtimeOf(fresh);
  await runtime.add(makeContainer(fresh, "first"));
  await runtime.deleteAll();
});
