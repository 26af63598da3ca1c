import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CniInstall, type CniInstallOptions } from "#agent/install/cni-install.ts";
import { FakeClock } from "./fake-clock.ts";
import { silentLog } from "./silent-log.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A program that only says which versions of the CNI specification it speaks. */
export function pluginProgram(versions: readonly string[], remark = ""): string {
  return `#!/bin/sh\n# ${remark}\necho '{"cniVersion":"1.0.0","supportedVersions":${JSON.stringify(versions)}}'\n`;
}

export const bridgeNetwork = JSON.stringify({
  cniVersion: "0.4.0",
  name: "cluster",
  plugins: [
    { type: "bridge", bridge: "cni0", ipam: { type: "host-local", subnet: "10.1.0.0/24" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});

/** Folders of a node as a container runtime knows them, and what installs the CNI plugin in them. */
export class CniFolders implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly clock = new FakeClock();
  readonly program = this.#folder.join("weir-cni");
  readonly binDir = this.#folder.join("bin");
  readonly confDir = this.#folder.join("net.d");
  readonly stateDir = this.#folder.join("state");

  constructor() {
    for (const path of [this.binDir, this.confDir, this.stateDir]) mkdirSync(path);
    this.setProgram(["0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
  }

  setProgram(versions: readonly string[], remark?: string): void {
    writeFileSync(this.program, pluginProgram(versions, remark), { mode: 0o755 });
  }

  addPlugin(name: string, versions: readonly string[]): void {
    writeFileSync(join(this.binDir, name), pluginProgram(versions), { mode: 0o755 });
  }

  addNetwork(file: string, text: string = bridgeNetwork): void {
    writeFileSync(join(this.confDir, file), text);
  }

  /** What a life of the agent does: it knows nothing of the lives before but what is on the disk. */
  install(options: Partial<CniInstallOptions> = {}): CniInstall {
    return new CniInstall({ ...this.options, clock: this.clock, log: silentLog(), ...options });
  }

  get options(): Omit<CniInstallOptions, "clock" | "log"> {
    const { binDir, confDir, stateDir, program } = this;
    const plain = { chain: null, chainedTo: null, exclusive: false, runDir: "/run/weir", mtu: 1500 };
    return { binDir, confDir, stateDir, program, ...plain };
  }

  path(name: string): string {
    return this.#folder.join(name);
  }

  /** Everything in the folder of networks, names to texts; folders are not read. */
  networks(): Record<string, string> {
    return this.#files(this.confDir);
  }

  programs(): Record<string, string> {
    return this.#files(this.binDir);
  }

  /** What the runtime takes: the first by name of those that it reads. */
  firstNetwork(): { file: string; list: { name: string; cniVersion: string; plugins: { type: string }[] } } {
    const file = readdirSync(this.confDir)
      .filter((name) => /\.(conf|conflist|json)$/.test(name))
      .sort()[0] as string;
    return { file, list: JSON.parse(readFileSync(join(this.confDir, file), "utf8")) };
  }

  #files(folder: string): Record<string, string> {
    const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
    return Object.fromEntries(
      entries
        .map(({ name }) => [name, readFileSync(join(folder, name), "utf8")])
        .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    );
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** A file system of its own at a path, for what only a mount can do; unmounted at the end of its scope. */
export class SmallDisk implements Disposable {
  readonly path: string;

  constructor(path: string, size = "64k") {
    this.path = path;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    this.#mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path);
  }

  makeReadOnly(): void {
    this.#mount("-o", "remount,ro", this.path);
  }

  makeWritable(): void {
    this.#mount("-o", "remount,rw", this.path);
  }

  #mount(...args: string[]): void {
    const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`mount at ${this.path}: ${stderr}`);
  }

  [Symbol.dispose](): void {
    spawnSync("umount", [this.path]);
  }
}
