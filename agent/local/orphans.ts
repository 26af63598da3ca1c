import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cgroupHierarchies, cgroupRemoval } from "./cgroups.ts";
import { runCommand } from "./command.ts";
import { isOrphan } from "./owner-tag.ts";
import { until } from "./until.ts";

/** Mount points under a folder, deepest first. */
export function mountsUnder(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toSorted((a, b) => b.length - a.length);
}

async function pidsIn(namespace: string): Promise<number[]> {
  const { stdout } = await runCommand(["ip", "netns", "pids", namespace]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

/** Ends every process that is in one of this lab's network namespaces, and removes the namespace. */
async function removeNamespace(name: string): Promise<void> {
  for (const pid of await pidsIn(name)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  // Until then they may hold files open, or write some.
  await until(`the end of the processes in ${name}`, async () => (await pidsIn(name)).length === 0);
  await runCommand(["ip", "netns", "delete", name]);
}

/** Removes what labs have left behind whose process was killed. */
export async function removeOrphans(): Promise<void> {
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  for (const name of namespaces.filter(isOrphan)) await removeNamespace(name);
  for (const name of readdirSync(tmpdir()).filter(isOrphan)) {
    const folder = join(tmpdir(), name);
    for (const mount of mountsUnder(folder)) await runCommand(["umount", "--lazy", mount]);
    // Another lab may be at it as well; the removal that meets this stops without a word.
    while (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  }
  const cgroups = new Set(cgroupHierarchies().flatMap((folder) => readdirSync(folder).filter(isOrphan)));
  for (const name of cgroups) await runCommand(cgroupRemoval(name));
}
