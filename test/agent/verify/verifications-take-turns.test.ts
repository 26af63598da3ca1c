import { expect, test } from "vitest";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { makeEndpoint } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { fromClient80, objectsOf, serverPolicy } from "#test/support/two-pods.ts";
import { VerifiedNode } from "#test/support/verified-node.ts";

const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });

async function running(changes = new SerialExecutor()): Promise<{ node: VerifiedNode; kernel: MemoryKernel }> {
  const kernel = new MemoryKernel();
  const node = new VerifiedNode(kernel, { changes });
  await node.add(makeEndpoint(2, subject("server"), 256), makeEndpoint(3, subject("client"), 257));
  await node.setPolicy(objectsOf(serverPolicy(fromClient80)));
  return { node, kernel };
}

test("a change waits while the maps are read, not while they are compared, and does not disturb it", async () => {
  const changes = new SerialExecutor();
  const { node } = await running(changes);
  const order: string[] = [];
  const verification = node.verify().then(({ state }) => order.push(state));
  await changes.run(() => node.setPolicy(objectsOf(serverPolicy("[]"))));
  order.push("changed");
  await verification;
  expect(order).toEqual(["changed", "equal"]);
  expect(await node.verify()).toMatchObject({ state: "equal" });
});

test("one at a time; one whose caller has gone stops, and the next one has its turn", async () => {
  const { node } = await running();
  const gone = new AbortController();
  const first = node.verify(null, gone.signal);
  const second = node.verify();
  gone.abort(new Error("the caller hung up"));
  await expect(first).rejects.toThrow("the caller hung up");
  expect(await second).toMatchObject({ state: "equal", endpoints: 2 });
});

test("where the policy of the start was refused there is nothing to compare with", async () => {
  const { kernel } = await running();
  const next = new VerifiedNode(kernel);
  kernel.ipcacheCapacity = 1;
  const endpoints = [makeEndpoint(2, subject("server"), 256)];
  const { enforcement } = next.setup;
  const engine = enforcement.engine.evolve(objectsOf(serverPolicy("[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]")));
  expect(await enforcement.restore(engine, endpoints)).not.toBeNull();
  await expect(next.verify()).rejects.toMatchObject({ name: "EndpointError", code: "not-ready" });
});
