import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

/** Devices, routes and rules of the node's namespace. */
async function networkOf(): Promise<string[]> {
  const show = (...args: string[]) => mustRun(node().namespace.enter(["ip", ...args]));
  return [
    await show("-o", "link"),
    await show("-4", "route", "show", "table", "all"),
    await show("-6", "route", "show", "table", "all"),
    await show("rule"),
    await show("-o", "address"),
  ];
}

test("weir cleanup removes every trace of the agent from the node", async () => {
  const before = await networkOf();
  await node().addPod({ name: "a" });
  await node().addPod({ name: "b" });
  expect(await networkOf()).not.toEqual(before);
  await node().agent.stop();

  const cleaned = await node().weir("cleanup", ...node().cleanupOptions);
  expect([cleaned.code, cleaned.stderr]).toEqual([0, ""]);
  expect(await networkOf()).toEqual(before);
  expect(existsSync(join(node().bpffs, "weir"))).toBe(false);
  const left = ["run", "state"].flatMap((name) => {
    const folder = join(node().folder, name);
    return existsSync(folder) ? readdirSync(folder) : [];
  });
  expect(left).toEqual([]);
});
