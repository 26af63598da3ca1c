import { spawnSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { WeirError } from "#agent/runtime/errors.ts";

const BPF_FS_MAGIC = 0xcafe4a11;

export class BpffsError extends WeirError<"bpffs"> {}

/**
 * The folder for our pins on a BPF file system, which is mounted if nothing is there.
 *
 * @throws BpffsError when the folder holds something else.
 */
export function ensureBpffs(mountPoint: string): string {
  mkdirSync(mountPoint, { recursive: true });
  if (!isBpffs(mountPoint)) {
    const { status, stderr } = spawnSync("mount", ["-t", "bpf", "bpf", mountPoint], { encoding: "utf8" });
    if (status !== 0 || !isBpffs(mountPoint)) {
      throw new BpffsError("bpffs", {
        asked: `mount a BPF file system at ${mountPoint}`,
        obstacle: (stderr ?? "").trim() || "mount failed",
        remedy: "mount one there, or use another --bpffs",
      });
    }
  }
  return join(mountPoint, "weir");
}

function isBpffs(path: string): boolean {
  return statfsSync(path).type >>> 0 === BPF_FS_MAGIC;
}
