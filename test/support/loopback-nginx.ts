import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll } from "vitest";
import { until } from "#agent/local/until.ts";
import { freePort } from "./free-port.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

/** Debian's nginx as one process on a loopback port, without a lab. */
class LoopbackNginx implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  #child: ChildProcess | null = null;

  /** @param server lines of its `server` section */
  async start(server: string): Promise<number> {
    const port = await freePort();
    const folder = this.#folder.path;
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    writeFileSync(
      this.#folder.join("nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid;
events { worker_connections 256; }
http {
  access_log off; keepalive_requests 1000000;
  ${temporary.map((what) => `${what}_temp_path ${folder}/${what};`).join(" ")}
  server { listen 127.0.0.1:${port}; default_type text/plain; ${server} }
}
`,
    );
    const command = ["--pdeathsig=KILL", "nginx", "-e", "stderr", "-c", this.#folder.join("nginx.conf")];
    const child = spawn("setpriv", command, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let output = "";
    child.stderr.on("data", (bytes: Buffer) => (output += bytes.toString()));
    await until("nginx to listen", async () => {
      if (child.exitCode !== null) throw new Error(`start nginx: ${output.trim()}`);
      return isListening(port);
    });
    return port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    this.#folder[Symbol.dispose]();
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** One for a file. */
export function useLoopbackNginx(server: string): { readonly port: () => Promise<number> } {
  const nginx = new LoopbackNginx();
  const started = Promise.withResolvers<number>();
  beforeAll(async () => started.resolve(await nginx.start(server)));
  afterAll(async () => nginx[Symbol.asyncDispose]());
  return { port: async () => started.promise };
}
