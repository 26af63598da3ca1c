import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { cgroupHierarchies } from "#agent/local/cgroups.ts";
import { Lab } from "#agent/local/lab.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces", "dist"));

/** A process's cgroups, but not those that are gone: it has ended then, and waits to be noticed. */
function cgroupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").replaceAll(/.* \(deleted\)\n/g, "");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** Of a lab: processes in its cgroups, its cgroups, mounts, network namespaces and folders. */
function leftOf(tag: string): string[] {
  const processes = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && cgroupsOf(pid).includes(tag));
  const folders = [...cgroupHierarchies(), "/run/netns", tmpdir()];
  const names = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return [...processes, ...[...names, ...mounts].filter((text) => text.includes(tag))];
}

test("what a killed process leaves of containerd and its pods is removed by the next lab", async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "left-behind.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const tag = text.trim();
  child.kill("SIGKILL");
  await once(child, "exit");
  // The daemon, the shim, the pod's and the container's process; cgroups of the node and the runtime; and more.
  expect(leftOf(tag).length).toBeGreaterThan(8);

  await (await Lab.create())[Symbol.asyncDispose]();
  expect(leftOf(tag)).toEqual([]);
});
