import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";

/**
 * Counts the datagrams to a port, whatever address they were sent to, in a process in a
 * network namespace. Answers none: an answer would have another source than a broadcast address.
 */
export class UdpInbox implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  #count = 0;

  private constructor(child: ReturnType<typeof spawn>) {
    this.#child = child;
    child.on("message", () => this.#count++);
  }

  static async open(namespace: NetworkNamespace, port: number): Promise<UdpInbox> {
    const [program = "", ...args] = namespace.enter([process.execPath, import.meta.filename, String(port)]);
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    await once(child, "message");
    return new UdpInbox(child);
  }

  /** How many came since the last time. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill();
    await exited;
  }
}

if (import.meta.main) {
  const socket = createSocket({ type: "udp6", ipv6Only: false });
  socket.on("message", () => process.send?.("datagram"));
  socket.bind(Number(process.argv[2]), "::");
  await once(socket, "listening");
  process.send?.("ready");
  process.on("disconnect", () => process.exit());
}
