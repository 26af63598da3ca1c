import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TemporaryFolder } from "./temporary-folder.ts";

/** What makes one kind of server. */
export interface ServerKind {
  readonly name: "etcd" | "consul";
  /** Ports that it listens on, of which the first is for clients. */
  readonly ports: number;
  arguments(folder: string, ports: readonly number[], scheme: "http" | "https"): readonly string[];
  /** Path of an HTTP answer that has the text when it serves. */
  readonly ready: { readonly path: string; readonly text: string };
}

export const etcdKind: ServerKind = {
  name: "etcd",
  ports: 2,
  arguments: (folder, [client = 0, peer = 0], scheme) => [
    "--name=lab",
    `--data-dir=${folder}`,
    `--listen-client-urls=${scheme}://127.0.0.1:${client}`,
    `--advertise-client-urls=${scheme}://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=lab=http://127.0.0.1:${peer}`,
    "--unsafe-no-fsync",
    "--heartbeat-interval=20",
    "--election-timeout=200",
  ],
  ready: { path: "/health", text: '"health":"true"' },
};

export const consulKind: ServerKind = {
  name: "consul",
  ports: 3,
  arguments: (folder, [client = 0, serf = 0, rpc = 0], scheme) => [
    "agent",
    "-server",
    "-bootstrap-expect=1",
    `-data-dir=${folder}`,
    "-bind=127.0.0.1",
    "-client=127.0.0.1",
    "-node=lab",
    "-disable-host-node-id",
    `-http-port=${scheme === "http" ? client : -1}`,
    `-https-port=${scheme === "https" ? client : -1}`,
    "-dns-port=-1",
    `-serf-lan-port=${serf}`,
    "-serf-wan-port=-1",
    `-server-port=${rpc}`,
    '-hcl=session_ttl_min = "1s" disable_update_check = true performance { raft_multiplier = 1 }',
  ],
  ready: { path: "/v1/session/list?consistent", text: "[" },
};

const brought = resolve(import.meta.dirname, "../../.dev/servers");

/** The program: of this machine, or as `.dev/servers.mjs` has brought it; null: neither. */
export function serverProgram(name: ServerKind["name"] | "promtool"): string | null {
  const folders = [brought, ...(process.env["PATH"] ?? "").split(":")];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

export interface StoreServerOptions {
  /** Makes a command run somewhere else, e.g. in a network namespace. */
  readonly enter?: (command: readonly string[]) => readonly string[];
  /** Further arguments of the program. */
  readonly args?: readonly string[];
  /** With `https` it is not waited for: only clients with a certificate can ask. */
  readonly scheme?: "http" | "https";
}

/** A server of stores with a data folder of its own, that can be killed, paused and started again. */
export class StoreServer implements AsyncDisposable {
  readonly kind: ServerKind;
  readonly port: number;
  readonly #folder = new TemporaryFolder();
  readonly #ports: readonly number[];
  readonly #options: StoreServerOptions;
  #process: ChildProcess | null = null;

  private constructor(kind: ServerKind, ports: readonly number[], options: StoreServerOptions) {
    this.kind = kind;
    this.port = ports[0] as number;
    this.#ports = ports;
    this.#options = options;
  }

  static async start(kind: ServerKind, options: StoreServerOptions = {}): Promise<StoreServer> {
    const server = new StoreServer(kind, await freePorts(kind.ports), options);
    await server.start();
    return server;
  }

  get address(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  get #scheme(): "http" | "https" {
    return this.#options.scheme ?? "http";
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.kind.name} does not run`);
    return pid;
  }

  /** Resolves when it serves ({@link StoreServerOptions.scheme}), with the data of before. */
  async start(): Promise<void> {
    const program = serverProgram(this.kind.name);
    if (program === null) throw new Error(`there is no ${this.kind.name} here`);
    mkdirSync(this.#data, { recursive: true, mode: 0o700 });
    const own = this.kind.arguments(this.#data, this.#ports, this.#scheme);
    const command = [program, ...own, ...(this.#options.args ?? [])];
    const [first, ...rest] = this.#options.enter?.(command) ?? command;
    const log = openSync(this.#log, "a");
    // It ends with this process, however that ends.
    this.#process = spawn("setpriv", ["--pdeathsig=KILL", first as string, ...rest], { stdio: ["ignore", log, log] });
    closeSync(log);
    if (this.#scheme === "https") return;
    const isReady = async (): Promise<boolean> => (await this.ask(this.kind.ready.path)).includes(this.kind.ready.text);
    for (const end = Date.now() + 30_000; !(await isReady()); await sleep(50)) {
      if (this.#process.exitCode !== null || Date.now() > end) {
        throw new Error(`${this.kind.name} does not serve: ${readFileSync(this.#log, "utf8").slice(-2000)}`);
      }
    }
  }

  /** The answer to an HTTP request, asked from where the server is; empty when there is none. */
  async ask(path: string, options: { readonly method?: string; readonly body?: string } = {}): Promise<string> {
    const program = `fetch(${JSON.stringify(this.address + path)}, ${JSON.stringify(options)})
      .then((answer) => answer.text()).then((text) => process.stdout.write(text), () => {})`;
    const command = [process.execPath, "-e", program];
    const [first, ...rest] = this.#options.enter?.(command) ?? command;
    const child = spawn(first as string, rest, { stdio: ["ignore", "pipe", "inherit"] });
    let answer = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (answer += part));
    await once(child, "close");
    return answer;
  }

  /** At once, with whatever it has not written. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** It keeps its connections, and answers nothing: resolves when all of its threads stand still. */
  async pause(): Promise<void> {
    const tasks = `/proc/${this.pid}/task`;
    process.kill(this.pid, "SIGSTOP");
    const stands = (task: string): boolean => readFileSync(join(tasks, task, "status"), "utf8").includes("State:\tT");
    while (!readdirSync(tasks).every(stands)) await sleep(5);
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  /** What it has on its disk, when it does not run. */
  loseData(): void {
    rmSync(this.#data, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#folder[Symbol.dispose]();
  }

  get #data(): string {
    return this.#folder.join("data");
  }

  get #log(): string {
    return this.#folder.join("log");
  }
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from({ length: count }, async () => {
      const listener = createServer();
      listener.listen(0, "127.0.0.1");
      await once(listener, "listening");
      return listener;
    }),
  );
  const ports = listeners.map((listener) => (listener.address() as { port: number }).port);
  await Promise.all(
    listeners.map(async (listener) => {
      listener.close();
      await once(listener, "close");
    }),
  );
  return ports;
}
