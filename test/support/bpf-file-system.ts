import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A BPF file system of a test's own, unmounted at the end of its scope with all that is pinned in it. */
export class BpfFileSystem implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly path = this.#folder.join("bpf");

  constructor() {
    mkdirSync(this.path);
    const mounted = spawnSync("mount", ["-t", "bpf", "bpf", this.path], { encoding: "utf8" });
    if (mounted.status !== 0) throw new Error(`mount BPF file system: ${mounted.error?.message ?? mounted.stderr}`);
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    spawnSync("umount", [this.path]);
    this.#folder[Symbol.dispose]();
  }
}
