import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRunNow } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";

/** Where Debian's package containernetworking-plugins has its plugins. */
const debianPlugins = "/usr/lib/cni";

/** `/opt/cni/bin` and `/etc/cni/net.d` of a node with mounts of its own: where every runtime looks. */
export class CniFolders {
  readonly binaries = "/opt/cni/bin";
  readonly networks = "/etc/cni/net.d";
  readonly #outside: string;

  /** @param options.withOurs whether Weir's plugins are there from the beginning; default yes. */
  constructor(node: LabNode, { withOurs = true } = {}) {
    this.#outside = join(node.folder, "cni");
    for (const [name, inside] of [
      ["bin", this.binaries],
      ["net.d", this.networks],
    ] as const) {
      const outside = join(this.#outside, name);
      mkdirSync(outside, { recursive: true });
      mustRunNow(node.enter(["sh", "-c", `mkdir -p "$1" && mount --bind "$0" "$1"`, outside, inside]));
    }
    const plugin = (name: string, program: string) => symlinkSync(program, join(this.#outside, "bin", name));
    for (const name of withOurs ? ["weir-cni", "weir-ipam"] : []) plugin(name, join(node.lab.dist, "weir-cni"));
    for (const name of readdirSync(debianPlugins)) plugin(name, join(debianPlugins, name));
  }

  /** Makes this the only network. */
  use(network: object): void {
    const file = join(this.#outside, "net.d/10-network.conflist");
    // Renamed within the folder: a file that is new to it containerd does not look at.
    writeFileSync(`${file}.new`, JSON.stringify(network));
    renameSync(`${file}.new`, file);
  }
}

/** A network of Weir's, by the agent of a node. */
export function weirNetwork(node: LabNode, { cniVersion = "1.0.0" } = {}): object {
  return { cniVersion, name: "weir", plugins: [{ type: "weir-cni", runDir: node.runDir }] };
}

/** The same, with Debian's portmap behind it: hostPort without a load balancer of services. */
export function portmapNetwork(node: LabNode): object {
  const capabilities = { portMappings: true };
  const plugins = [
    { type: "weir-cni", runDir: node.runDir, capabilities },
    { type: "portmap", capabilities },
  ];
  return { cniVersion: "1.0.0", name: "weir", plugins };
}
