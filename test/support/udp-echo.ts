import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { NetworkNamespace } from "./network-namespace.ts";

const port = 7007;

/** Answers every datagram with itself, in a process in a network namespace; ends with its scope. */
export class UdpEcho implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;

  private constructor(child: ReturnType<typeof spawn>) {
    this.#child = child;
  }

  static async start(namespace: NetworkNamespace, address: string): Promise<UdpEcho> {
    const args = [`--net=${namespace.path}`, process.execPath, import.meta.filename, "serve", address];
    const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
    const echo = new UdpEcho(child);
    if (child.stdout) await once(child.stdout, "data");
    return echo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill();
    await exited;
  }
}

/** Sends datagrams from a namespace, each after the answer to the one before; says how many were not answered. */
export async function askUdp(namespace: NetworkNamespace, address: string, count: number): Promise<number> {
  const args = [import.meta.filename, "ask", address, String(count)];
  const { exitCode, stdout, stderr } = await namespace.start(process.execPath, args);
  if (exitCode !== 0) throw new Error(`ask ${address}: ${stderr}`);
  return Number(stdout);
}

/** Runs `step` again and again, once a turn of the event loop, until the promise is settled; gives its value. */
export async function stepUntil<T>(settled: Promise<T>, step: (turn: number) => void): Promise<T> {
  const state = { settled: false };
  const end = settled.finally(() => (state.settled = true));
  for (let turn = 0; !state.settled; turn++) {
    step(turn);
    await nextTurn();
  }
  return end;
}

async function serve(address: string): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("message", (data, from) => socket.send(data, from.port, from.address));
  socket.bind(port, address);
  await once(socket, "listening");
  process.stdout.write("ready\n");
}

/** How long an answer may take before it counts as lost. */
const patience = 1000;

async function ask(address: string, count: number): Promise<void> {
  const socket = createSocket("udp4");
  socket.bind(0);
  await once(socket, "listening");
  let lost = 0;
  for (let i = 0; i < count; i++) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), patience);
    const take = (data: Buffer): void => {
      if (data.readUInt32LE() === i) resolve(true);
    };
    socket.on("message", take);
    const data = Buffer.alloc(4);
    data.writeUInt32LE(i);
    socket.send(data, port, address);
    if (!(await promise)) lost++;
    clearTimeout(timer);
    socket.off("message", take);
  }
  socket.close();
  process.stdout.write(`${lost}\n`);
}

if (import.meta.main) {
  const [command, address = "", count] = process.argv.slice(2);
  await (command === "serve" ? serve(address) : ask(address, Number(count)));
}
