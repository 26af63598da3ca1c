import { existsSync } from "node:fs";
import { mustRunNow } from "./command.ts";

/** Where iproute2 keeps named network namespaces. */
const folder = "/run/netns";

/** A named network namespace with its loopback device up; gone when disposed of. */
export class NetworkNamespace implements Disposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** @throws LabError `command-failed`, for example when the name is taken. */
  static create(name: string): NetworkNamespace {
    mustRunNow(["ip", "netns", "add", name]);
    const namespace = new NetworkNamespace(name);
    mustRunNow(namespace.enter(["ip", "link", "set", "lo", "up"]));
    return namespace;
  }

  get path(): string {
    return `${folder}/${this.name}`;
  }

  /**
   * The command that runs another one inside. Not `ip netns exec`, which also makes a
   * mount namespace with a new /sys: no BPF file system would be seen there.
   */
  enter(command: readonly string[]): string[] {
    return ["nsenter", `--net=${this.path}`, "--", ...command];
  }

  [Symbol.dispose](): void {
    if (existsSync(this.path)) mustRunNow(["ip", "netns", "delete", this.name]);
  }
}
