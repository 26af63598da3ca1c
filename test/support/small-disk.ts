import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A file system in memory that is soon full, for one test; needs root. */
export class SmallDisk implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly path: string;

  /** @param size as `mount -t tmpfs` takes it: `64k`. */
  constructor(size: string) {
    this.path = this.#folder.join("disk");
    mkdirSync(this.path);
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", this.path]);
    if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
  }

  resize(size: string): void {
    const { status, stderr } = spawnSync("mount", ["-o", `remount,size=${size}`, this.path]);
    if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
  }

  join(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    spawnSync("umount", ["-l", this.path]);
    this.#folder[Symbol.dispose]();
  }
}
