import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { until } from "#agent/local/until.ts";
import { CertificateAuthority } from "./certificates.ts";
import { freePort } from "./free-port.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

/** How a program ended. */
export interface ProgramEnd {
  /** Null: by a signal. */
  readonly code: number | null;
  readonly output: string;
}

/** `openssl s_server` on a port of the loopback address. */
export class TlsServer implements AsyncDisposable {
  readonly port: number;
  readonly folder = new TemporaryFolder();
  readonly #process: ChildProcess;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    const { certificate, key } = new CertificateAuthority(this.folder.path, "authority").sign("a.test", "DNS:a.test");
    const all = ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", certificate, "-key", key, ...args];
    this.#process = spawn("openssl", all, { stdio: ["pipe", "ignore", "ignore"] });
  }

  /** @param args `-www`: it answers every request of HTTP with a page about the connection. */
  static async start(args: readonly string[]): Promise<TlsServer> {
    const server = new TlsServer(await freePort(), args);
    await until("openssl s_server to serve", () => isServed(server.port));
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "exit");
    this.folder[Symbol.dispose]();
  }
}

/** `openssl s_client` asks for a page, at a port of the loopback address. */
export function sClient(port: number, args: readonly string[]): Promise<ProgramEnd> {
  return run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-quiet", ...args], "GET / HTTP/1.0\r\n\r\n");
}

/** `openssl s_client` asks for nothing, and ends when its output is as wanted. @returns the output. */
export async function sClientUntil(
  port: number,
  args: readonly string[],
  isDone: (output: string) => boolean,
): Promise<string> {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...args], { stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  try {
    await until("openssl s_client to be done", () => isDone(output));
    child.stdin.end("Q\n");
    await once(child, "exit");
  } finally {
    child.kill("SIGKILL");
  }
  return output;
}

/** curl asks for a page by a name, at a port of the loopback address, whoever the certificate is for. */
export function curl(port: number, name: string, args: readonly string[] = []): Promise<ProgramEnd> {
  const place = ["--connect-to", `::127.0.0.1:${port}`, "--insecure", "--silent", "--show-error", "--max-time", "20"];
  return run("curl", [...place, "--noproxy", "*", ...args, `https://${name}/`], "");
}

function run(program: string, args: readonly string[], input: string): Promise<ProgramEnd> {
  const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
  const child = execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) =>
    resolve({ code: error ? (typeof error.code === "number" ? error.code : null) : 0, output: stdout + stderr }),
  );
  child.stdin?.end(input);
  return promise;
}

async function isServed(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}
