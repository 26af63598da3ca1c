import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addressOf, makeContainer, runtimeOf } from "./containers.ts";
import { expectState, nodeState } from "./node-state.ts";
import type { AddResult } from "./result-schema.ts";

const node = useNode();
const pods = usePods(node, ["client"]);

const addressesOf = (results: readonly AddResult[]) =>
  results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));

test("cni-64: twenty containers that come at once, and go at once, get twenty addresses and leave nothing", async () => {
  const runtime = runtimeOf(node());
  const before = await nodeState(node());
  const containers = Array.from({ length: 20 }, () => makeContainer(node(), "client"));
  const results = await Promise.all(containers.map((container) => runtime.add(container)));
  expect(new Set(addressesOf(results)).size).toBe(40);
  await Promise.all(containers.map((container) => runtime.check(container)));
  for (const result of results.slice(0, 5)) await expectTraffic(pods.client, addressOf(result), 80, "refused");
  await Promise.all(containers.map((container) => runtime.delete(container)));
  await expectState(node(), before, "twenty at once");
  for (const container of containers) container[Symbol.dispose]();
});

test("cni-64: a hundred ADDs while the agent restarts all succeed, and none is half done", async () => {
  const runtime = runtimeOf(node());
  const before = await nodeState(node());
  const containers = Array.from({ length: 100 }, () => makeContainer(node(), "client"));
  const waiting = [...containers];
  const results: AddResult[] = [];
  const { promise: some, resolve } = Promise.withResolvers<void>();
  const worker = async () => {
    for (let container = waiting.shift(); container; container = waiting.shift()) {
      results.push(await runtime.add(container));
      if (results.length === 20) resolve();
    }
  };
  const restart = async () => {
    await some;
    await node().agent.stop();
    await node().startAgent();
  };
  await Promise.all([restart(), ...Array.from({ length: 10 }, worker)]);
  expect(new Set(addressesOf(results)).size).toBe(200);
  expect((await node().client.endpoints()).filter(({ state }) => state !== "ready")).toEqual([]);
  await Promise.all(containers.map((container) => runtime.check(container)));
  await Promise.all(containers.map((container) => runtime.delete(container)));
  await expectState(node(), before, "a hundred over a restart");
  for (const container of containers) container[Symbol.dispose]();
});
