import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A network namespace of a test's own with a name under /run/netns, removed at the end of its scope. */
export class NetworkNamespace implements Disposable {
  readonly name: string;
  readonly path: string;

  constructor(label = "test") {
    this.name = `weir-${label}-${randomBytes(4).toString("hex")}`;
    this.path = `/run/netns/${this.name}`;
    const added = spawnSync("ip", ["netns", "add", this.name], { encoding: "utf8" });
    if (added.status !== 0) throw new Error(`add network namespace: ${added.error?.message ?? added.stderr}`);
  }

  /** Runs a program in the namespace and gives what it wrote; throws when it fails. */
  run(program: string, ...args: string[]): string {
    const result = spawnSync("nsenter", [`--net=${this.path}`, program, ...args], { encoding: "utf8" });
    if (result.status === 0) return result.stdout;
    throw new Error(`run ${program} ${args.join(" ")}: ${result.error?.message ?? result.stderr}`);
  }

  /** Like {@link run}, but lets this process's event loop go on, and leaves a failure to the caller. */
  async start(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = spawn("nsenter", [`--net=${this.path}`, program, ...args], {
      env: options.env === undefined ? process.env : { PATH: process.env["PATH"], ...options.env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // A program that does not read its input closes the pipe early; its exit code tells the rest.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    const [exitCode] = (await once(child, "close")) as [number | null];
    return { exitCode, stdout, stderr };
  }

  [Symbol.dispose](): void {
    spawnSync("ip", ["netns", "delete", this.name]);
  }
}
