import { readdirSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { ensureHostSide, listHostSides } from "#agent/net/host-sides.ts";
import { type OnNode, retireHostSide } from "#agent/net/retire-host-side.ts";
import { needs } from "#test/support/requirement.ts";

import { VethPair } from "./veth.ts";

beforeEach(needs("root", "namespaces"));

function onNodeOf(pair: VethPair): OnNode {
  return (run) => pair.onNode(run);
}

test("a veth is out of view on both sides when the promise resolves, and its name is free", async () => {
  using pair = new VethPair();
  pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  expect(await retireHostSide(pair.connection, pair.spec.name, onNodeOf(pair))).toBe(true);
  expect(listHostSides(pair.connection)).toEqual([]);
  expect(pair.pod.run("ip", "-brief", "link")).not.toContain("eth0");
  pair.createVeth();
  expect(listHostSides(pair.connection)).toHaveLength(1);
});

test("a veth that is not there is no error", async () => {
  using pair = new VethPair();
  expect(await retireHostSide(pair.connection, "weir00000000000", onNodeOf(pair))).toBe(false);
});

test("two removals of one veth both end well", async () => {
  using pair = new VethPair();
  const onNode = onNodeOf(pair);
  const both = [0, 1].map(() => retireHostSide(pair.connection, pair.spec.name, onNode));
  await Promise.all(both);
  expect(listHostSides(pair.connection)).toEqual([]);
});

test("a device that has the name at once again keeps nobody waiting", async () => {
  using pair = new VethPair();
  const { name } = pair.spec;
  let looks = 0;
  const onNode: OnNode = (run) => {
    const result = pair.onNode(run);
    if (!Array.isArray(result)) return result;
    // As one sees it who does: the name is never free.
    if (++looks > 5_000) throw new Error("it is waited for ever");
    return (result.includes(name) ? result : [...result, name]) as typeof result;
  };
  expect(await retireHostSide(pair.connection, name, onNode)).toBe(true);
  expect(listHostSides(pair.connection)).toEqual([]);
});

test("no descriptor is left when the kernel is done", async () => {
  using pair = new VethPair();
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  await retireHostSide(pair.connection, pair.spec.name, onNodeOf(pair));
  await expect.poll(count).toBeLessThanOrEqual(before);
});
