import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cgroupHierarchies, cgroupRemoval, cgroupRoot } from "./cgroups.ts";
import { mustRunNow } from "./command.ts";
import { MountNamespace } from "./mount-namespace.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import { mountsUnder, removeOrphans } from "./orphans.ts";
import { ownTag } from "./owner-tag.ts";

/** The built programs: this file is a source beside them, or a part of them in `dist/lib`. */
function builtPrograms(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "../../dist" : "..");
}

/**
 * A set of nodes and pods on this machine, each in a network namespace of its own, with
 * a folder for their files. Nothing of it touches the machine's own devices, and nothing
 * is left when it is disposed of: nor when the process exits without, and what a killed
 * process leaves is removed by the next lab.
 */
export class Lab implements AsyncDisposable {
  /** For sockets, state and BPF file systems of the nodes. */
  readonly folder: string;
  /** The built programs: `weir`, `weir-cni`, `bpf/`. */
  readonly dist: string;
  readonly #tag: string;
  readonly #stack = new AsyncDisposableStack();
  readonly #pids = new Set<number>();
  #namespaces = 0;

  private constructor(dist: string) {
    this.dist = dist;
    this.#tag = ownTag();
    this.folder = mkdtempSync(join(tmpdir(), `${this.#tag}-`));
    this.#stack.defer(() => rmSync(this.folder, { recursive: true, force: true }));
    const exit = () => this.#removeNow();
    process.once("exit", exit);
    this.#stack.defer(() => void process.off("exit", exit));
  }

  static async create(options: { readonly dist?: string } = {}): Promise<Lab> {
    await removeOrphans();
    return new Lab(resolve(options.dist ?? builtPrograms()));
  }

  /** What every name of this lab begins with, that of its namespaces too. */
  get tag(): string {
    return `${this.#tag}-${this.folder.slice(-6)}`;
  }

  /** A network namespace that lives as long as the lab, unless disposed of earlier. */
  namespace(label: string): NetworkNamespace {
    this.#namespaces += 1;
    return this.#stack.use(NetworkNamespace.create(`${this.tag}-${this.#namespaces}-${label}`));
  }

  /** A BPF file system of its own: what is pinned there is gone with it. */
  bpffs(folder: string): void {
    mkdirSync(folder, { recursive: true });
    mustRunNow(["mount", "-t", "bpf", "bpf", folder]);
    this.#stack.defer(() => void mustRunNow(["umount", folder]));
  }

  /** A mount namespace that lives as long as the lab. It sees what is mounted up to now. */
  mountNamespace(folder: string): MountNamespace {
    return this.#stack.use(MountNamespace.create(folder));
  }

  /**
   * A cgroup2 folder of its own, or undefined where there is no such hierarchy. Whatever runs in it at
   * the lab's end is ended; folders of its name in other hierarchies are gone with it.
   */
  cgroup(label: string): string | undefined {
    const root = cgroupRoot();
    if (root === undefined) return undefined;
    const name = `${this.tag}-${label}`;
    const folder = join(root, name);
    mkdirSync(folder);
    this.#stack.defer(() => void mustRunNow(cgroupRemoval(name)));
    return folder;
  }

  /** Takes something along: disposed of with the lab, before what it took earlier. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  /** Notes a process that has to end with this one. */
  track(pid: number): Disposable {
    this.#pids.add(pid);
    return { [Symbol.dispose]: () => void this.#pids.delete(pid) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** The last resort, when the process exits and nothing can be awaited any more. */
  #removeNow(): void {
    for (const pid of this.#pids) spawnSync("kill", ["-KILL", String(pid)]);
    const names = spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout.split(/[\s\n]+/);
    for (const name of names.filter((text) => text.startsWith(this.tag))) {
      // A proxy outlives its agent, and nobody else knows of it.
      const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" }).stdout.split("\n");
      for (const pid of pids.filter((text) => text !== "")) spawnSync("kill", ["-KILL", pid]);
      spawnSync("ip", ["netns", "delete", name]);
    }
    for (const mount of mountsUnder(this.folder)) spawnSync("umount", ["--lazy", mount]);
    rmSync(this.folder, { recursive: true, force: true });
    const cgroups = new Set(cgroupHierarchies().flatMap((folder) => readdirSync(folder)));
    for (const cgroup of cgroups) {
      if (cgroup.startsWith(this.tag)) spawnSync("sh", cgroupRemoval(cgroup).slice(1));
    }
  }
}
