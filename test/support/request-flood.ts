/** Requests of one process, thousands at a time, on a Unix socket. */
import { connect, type Socket } from "node:net";

/** How requests ended: by status, or without an answer. */
export type FloodOutcome = Readonly<Record<string, number>>;

/**
 * Makes so many requests at the same time. Those that the agent would answer for ever, or much later, are left
 * when all others have ended: `most` of them.
 */
export async function floodOfRequests(
  socketPath: string,
  count: number,
  path: string,
  most = 0,
): Promise<FloodOutcome> {
  const outcome: Record<string, number> = {};
  const open = new Set<Socket>();
  let isLeft = false;
  const ends = Array.from({ length: count }, async () => {
    const socket = connect(socketPath);
    open.add(socket);
    const status = await statusOf(socket, path);
    open.delete(socket);
    const end = isLeft ? "left" : (status ?? "refused");
    outcome[end] = (outcome[end] ?? 0) + 1;
    if (isLeft || open.size > most) return;
    isLeft = true;
    for (const other of open) other.destroy();
  });
  await Promise.all(ends);
  return outcome;
}

/** The status of the answer, once the connection is closed; undefined: there was none. */
function statusOf(socket: Socket, path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let status: string | undefined;
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => (status ??= /^HTTP\/1.1 (\d+)/.exec(text)?.[1]));
  socket.on("error", () => undefined);
  socket.on("close", () => resolve(status));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n`);
  return promise;
}

/** Opens so many connections, of which each begins a request and never ends it; they are opened anew when they are closed. */
export class Loris implements Disposable {
  readonly #sockets = new Set<Socket>();
  #ends = false;

  constructor(socketPath: string, count: number, beginnings: readonly string[]) {
    for (let i = 0; i < count; i++) this.#open(socketPath, beginnings[i % beginnings.length] ?? "");
  }

  #open(socketPath: string, beginning: string): void {
    const socket = connect(socketPath, () => socket.write(beginning));
    this.#sockets.add(socket);
    // It is closed then, which is what is waited for.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (!this.#ends) setTimeout(() => this.#ends || this.#open(socketPath, beginning), 10);
    });
  }

  [Symbol.dispose](): void {
    this.#ends = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}
