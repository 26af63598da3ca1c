import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CommandResult, runCommand } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { CniFolders } from "./cni-folders.ts";
import { makeImage } from "./image.ts";

/** podman on a node, with networks by CNI. It has no daemon: what it runs ends with the lab. */
export class Podman {
  /** For its containers' cgroups, as runc wants it. */
  readonly cgroupParent: string;
  readonly #node: LabNode;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #cgroup: string;

  private constructor(node: LabNode, cni: CniFolders) {
    const cgroup = node.lab.cgroup(`${node.name}-podman`);
    if (node.mounts === undefined || cgroup === undefined) {
      throw new Error("use podman: it needs a node with mounts of its own, and a cgroup2 hierarchy");
    }
    this.#node = node;
    this.#cgroup = join(cgroup, "podman");
    mkdirSync(this.#cgroup);
    this.cgroupParent = `/${basename(cgroup)}/containers`;
    const folder = join(node.folder, "podman");
    mkdirSync(folder);
    const files = {
      CONTAINERS_CONF: ["containers.conf", configuration(cni)],
      CONTAINERS_STORAGE_CONF: ["storage.conf", storage(join(node.mounts.scratch, "podman"))],
    };
    this.#environment = Object.fromEntries(
      Object.entries(files).map(([variable, [name = "", text = ""]]) => {
        writeFileSync(join(folder, name), text);
        return [variable, join(folder, name)];
      }),
    );
  }

  /** Prepares it, with the image. */
  static async prepare(node: LabNode, cni: CniFolders): Promise<Podman> {
    const podman = new Podman(node, cni);
    const { code, stderr } = await podman.run("load", "--input", await makeImage(join(node.folder, "podman/image")));
    if (code !== 0) throw new Error(`podman load: exit code ${code}: ${stderr}`);
    return podman;
  }

  /** Runs a command of podman's, in the lab's cgroup: so does what it leaves running. */
  async run(...args: readonly string[]): Promise<CommandResult> {
    const enter = `echo $$ >"$0/cgroup.procs" && exec podman "$@"`;
    return runCommand(this.#node.enter(["sh", "-c", enter, this.#cgroup, ...args]), { env: this.#environment });
  }
}

/** No limits that the machine's root may not be allowed to give; no service of the machine's. */
function configuration(cni: CniFolders): string {
  return `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
apparmor_profile = ""
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
cni_plugin_dirs = ["${cni.binaries}"]
network_config_dir = "${cni.networks}"
`;
}

function storage(data: string): string {
  return `
[storage]
driver = "overlay"
graphroot = "${join(data, "root")}"
runroot = "${join(data, "state")}"
`;
}
