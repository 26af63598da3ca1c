import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deleteRequestFolder, deleteRequestPath } from "#agent/api/delete-request.ts";
import type { CniError } from "#agent/local/lab-pod.ts";
import { LabPod } from "#agent/local/lab-pod.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

test("ADD without an agent says try again later; DEL does not hold up the runtime", async () => {
  const before = await node().addPod({ name: "before" });
  await node().agent.stop();

  const pod = node().lab.use(new LabPod(node(), { name: "pod" }));
  const added = await pod.cni("ADD");
  expect(added.code).not.toBe(0);
  expect((JSON.parse(added.stdout) as CniError).code).toBe(11);

  await before.delete();
  await node().startAgent();
  expect(await node().client.endpoints()).toEqual([]);
  await pod.add();
});

test("what a killed plugin left of a waiting DEL is removed at the agent's start, and what a living one writes is not", async () => {
  await node().agent.stop();
  const folder = join(node().runDir, "deleted");
  mkdirSync(folder, { recursive: true });
  const { pid: gone } = spawnSync("true");
  for (const pid of [gone, process.pid]) writeFileSync(join(folder, `weir00000000000.json.${pid}`), "{");
  await node().startAgent();
  expect(readdirSync(folder)).toEqual([`weir00000000000.json.${process.pid}`]);
  rmSync(folder, { recursive: true });
});

test("a DEL that was left to an agent that lives, but was too busy to answer, is made good by it", async () => {
  const pod = await node().addPod({ name: "left" });
  const request = { version: 1, containerId: pod.containerId, ifName: pod.ifName, kind: "interface" } as const;
  mkdirSync(deleteRequestFolder(node().runDir), { recursive: true });
  const path = deleteRequestPath(node().runDir, request);
  writeFileSync(path, JSON.stringify({ ...request, time: new Date().toISOString() }));
  await expect.poll(async () => (await node().client.endpoints()).map(({ pod: name }) => name)).not.toContain("left");
  await expect.poll(() => existsSync(path)).toBe(false);
});
