import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRunNow } from "./command.ts";

/** `$0`: the scratch folder. Of the machine's files there all can be read; what is written stays here. */
const script = `
set -e
mount -t tmpfs -o mode=755 weir-lab "$0"
for name in etc opt var; do
  mkdir "$0/$name" "$0/$name.work"
  mount -t overlay -o "lowerdir=/$name,upperdir=$0/$name,workdir=$0/$name.work" weir-lab "/$name"
done
mount -t tmpfs -o mode=755 weir-lab /run
`;

/**
 * A mount namespace: the machine's files, but `/etc`, `/opt`, `/var` and `/run` its own, as on a node of
 * its own. What is mounted later, inside or outside, is seen on that side only. All of it is gone when this
 * is disposed of and the last process inside has ended.
 */
export class MountNamespace implements Disposable {
  /** Memory, inside: for what cannot lie on an overlay, such as another overlay's layers. */
  readonly scratch: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.scratch = join(folder, "scratch");
  }

  /** @param folder that is this namespace's alone; stays, and what was written to it from outside. */
  static create(folder: string): MountNamespace {
    const namespace = new MountNamespace(folder);
    mkdirSync(namespace.scratch, { recursive: true });
    writeFileSync(namespace.path, "");
    // The kernel refuses to keep a mount namespace in a place that is shared with others.
    mustRunNow(["mount", "--bind", folder, folder]);
    mustRunNow(["mount", "--make-private", folder]);
    mustRunNow([
      "unshare",
      `--mount=${namespace.path}`,
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
      namespace.scratch,
    ]);
    return namespace;
  }

  /** The file that it is entered by. */
  get path(): string {
    return join(this.#folder, "namespace");
  }

  enter(command: readonly string[]): string[] {
    return ["nsenter", `--mount=${this.path}`, "--", ...command];
  }

  [Symbol.dispose](): void {
    mustRunNow(["umount", this.path]);
    mustRunNow(["umount", this.#folder]);
  }
}
