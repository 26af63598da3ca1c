import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { until } from "#agent/local/until.ts";
import { TemporaryFolder } from "../temporary-folder.ts";
import type { World } from "./world.ts";

/** Proxies of one run folder, as real processes, and the world that they believe in. Ends them all. */
export class TestProxies implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly #processes: ChildProcess[] = [];
  readonly #workers = new Set<number>();

  constructor(world: World) {
    this.world = world;
  }

  get runDir(): string {
    return this.folder.path;
  }

  set world(world: World) {
    const path = this.folder.join("world.json");
    writeFileSync(`${path}.new`, JSON.stringify(world));
    renameSync(`${path}.new`, path);
  }

  /** Starts one; it listens and serves when this resolves. */
  async start(args: readonly string[] = []): Promise<TestProxy> {
    const log = this.folder.join(`proxy-${this.#processes.length}.log`);
    const output = openSync(log, "a");
    const program = join(import.meta.dirname, "parent.ts");
    const all = ["--run-dir", this.runDir, "--bpffs", this.folder.join("none"), "--workers", "2", ...args];
    const child = spawn(process.execPath, [program, ...all], {
      stdio: ["ignore", output, output],
      env: { ...process.env, WEIR_TEST_WORLD: this.folder.join("world.json") },
    });
    closeSync(output);
    this.#processes.push(child);
    const proxy = new TestProxy(child, log);
    const serves = (): boolean => proxy.lines().some(({ msg }) => msg === "the proxy serves connections");
    await until("the proxy", () => child.exitCode !== null || serves());
    if (child.exitCode !== null) throw new Error(`the proxy has ended: ${readFileSync(log, "utf8")}`);
    for (const pid of proxy.workers()) this.#workers.add(pid);
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      for (const pid of childrenOf(child.pid ?? 0)) this.#workers.add(pid);
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    for (const pid of this.#workers) if (isProxyWorker(pid)) process.kill(pid, "SIGKILL");
    this.folder[Symbol.dispose]();
  }
}

interface LogLine {
  readonly msg: string;
  readonly ports?: readonly number[];
}

export class TestProxy {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly #log: string;

  constructor(process: ChildProcess, log: string) {
    this.process = process;
    this.pid = process.pid ?? 0;
    this.#log = log;
  }

  /** What it has logged. */
  lines(): LogLine[] {
    const lines = readFileSync(this.#log, "utf8").split("\n");
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
  }

  /** Process ids. */
  workers(): number[] {
    return childrenOf(this.pid);
  }

  get port(): number {
    const [port = 0] = this.lines().find(({ ports }) => ports)?.ports ?? [];
    return port;
  }

  /** A client's connection over IPv4, which may be closed already. */
  async connect(allowHalfOpen = false): Promise<Client> {
    const client = new Client(connect({ host: "127.0.0.1", port: this.port, allowHalfOpen }));
    await until("a connection", () => !client.socket.connecting || client.closed !== "no", { every: 2 });
    return client;
  }

  /** Whether it still takes connections. */
  async accepts(): Promise<boolean> {
    using client = await this.connect();
    return client.closed === "no";
  }

  async exited(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
    return this.process.exitCode;
  }
}

/** A client that says something, and waits for the answer. */
export class Client implements Disposable {
  readonly socket: Socket;
  /** How it was closed: in order, by an error, or not yet. */
  closed: "no" | "end" | "reset" = "no";
  #received = "";
  #hasEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => (this.#received += text));
    socket.on("error", () => (this.closed = "reset"));
    socket.on("end", () => (this.#hasEnded = true));
    socket.on("close", () => (this.closed = this.#hasEnded && this.closed === "no" ? "end" : "reset"));
  }

  /** Sends, and gives the next whole line of the answer. */
  async ask(text: string): Promise<string> {
    this.socket.write(text);
    return this.line();
  }

  async line(): Promise<string> {
    await until("an answer", () => this.#received.includes("\n") || this.closed !== "no", { every: 2 });
    const end = this.#received.indexOf("\n");
    if (end < 0) throw new Error(`the connection was closed (${this.closed}) before an answer: ${this.#received}`);
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 1);
    return line;
  }

  /** Waits for bytes that no end of a line follows. */
  async rest(text: string): Promise<void> {
    await until(`the bytes ${text}`, () => this.#received.startsWith(text), { every: 2 });
    this.#received = this.#received.slice(text.length);
  }

  /** Waits until the other side has said that it sends no more. */
  async end(): Promise<void> {
    await until("the end of what is received", () => this.#hasEnded || this.closed !== "no", { every: 2 });
  }

  async close(): Promise<"end" | "reset"> {
    await until("the end of the connection", () => this.closed !== "no", { every: 2 });
    return this.closed === "end" ? "end" : "reset";
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function isProxyWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("support/proxy/worker.ts");
  } catch {
    return false; // it has ended
  }
}
