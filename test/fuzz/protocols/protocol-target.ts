import type { Handler, ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { EndRules } from "#agent/proxy/rule-book.ts";
import { MemorySocket, Received } from "./memory-socket.ts";

/** A parser of bytes from the network, as part of the handler that serves a connection. */
export interface ProtocolTarget {
  readonly handler: Handler;
  readonly ends: readonly EndRules[];
  /** What the client sends where inputs are what the server says; else inputs are the client's. */
  readonly request?: Buffer;
  /** Good inputs. */
  readonly seeds: readonly Buffer[];
  readonly tokens: readonly Buffer[];
  /** Plays the server at its end of a connection; notes what it has understood. */
  serve(socket: MemorySocket, understood: string[]): void;
  /** What of a connection has to be the same however its bytes are cut. */
  decided(outcome: Outcome): readonly string[];
  /** What must never be, e.g. that the server understands what no rule allows; null: all is well. */
  fault(outcome: Outcome): string | null;
}

/** What has become of a connection. */
export interface Outcome {
  readonly records: readonly RequestRecord[];
  /** What the server has understood. */
  readonly understood: readonly string[];
  /** What the client was answered. */
  readonly answered: Buffer;
  /** Bytes to both. */
  readonly written: number;
}

const LIMITS = { headBytes: 4096, headFields: 32, headTimeout: 60_000, idleTimeout: 600_000 };
const TUPLE = {
  protocol: "TCP",
  sourceAddress: "10.0.0.1",
  sourcePort: 40_000,
  destinationAddress: "10.0.0.2",
  destinationPort: 80,
} as const;
const JUDGEMENT = {
  source: { endpoint: 1, identity: 1001, isRedirected: true, isPlain: false, references: [1] },
  destination: { endpoint: 0, identity: 2, isRedirected: false, isPlain: false, references: [] },
};
/** Turns of the event loop without a byte after which nothing more is expected. */
const QUIET = 10;
/** Turns that a handler may take to come to its end when both sides have. */
const PATIENCE = 2000;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * Serves a connection whose client (or server) sends these pieces, waits for what comes, and ends.
 *
 * @throws whatever the handler lets escape, and when it does not come to its end.
 */
export async function play(target: ProtocolTarget, pieces: readonly Buffer[]): Promise<Outcome> {
  const [client, clientSide] = MemorySocket.pair();
  const sockets = [client, clientSide];
  const records: RequestRecord[] = [];
  const understood: string[] = [];
  const answers = new Received(client);
  const connection: ProxiedConnection = {
    tuple: TUPLE,
    client: clientSide.pause().asSocket,
    limits: LIMITS,
    draining: new AbortController().signal,
    rules: () => ({ judgement: JUDGEMENT, ends: target.ends }),
    connect: async () => {
      const [server, serverSide] = MemorySocket.pair();
      sockets.push(server, serverSide);
      target.serve(server, understood);
      if (target.request !== undefined) server.once("data", () => void send(server, pieces));
      return serverSide.pause().asSocket;
    },
    tell: (record) => void records.push(record),
  };
  // What is wrong with the sockets themselves is told by `close`, which handlers wait for.
  clientSide.on("error", () => {});
  const end = { hasCome: false, escaped: null as unknown };
  target.handler(connection).then(
    () => (end.hasCome = true),
    (error: unknown) => {
      end.hasCome = true;
      end.escaped = error ?? new Error("rejected");
    },
  );
  const written = (): number => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
  await send(client, target.request === undefined ? pieces : [target.request]);
  for (let [quiet, before] = [0, -1]; quiet < QUIET;) {
    await turn();
    quiet = written() === before ? quiet + 1 : 0;
    before = written();
  }
  client.end();
  for (let n = 0; n < QUIET; n++) await turn();
  client.destroy();
  for (let n = 0; !end.hasCome; n++) {
    if (n === PATIENCE) throw new Error("the handler does not end with its connection");
    await turn();
  }
  for (const socket of sockets) socket.destroy();
  if (end.escaped) throw end.escaped as Error;
  return { records, understood, answered: answers.bytes, written: written() };
}

async function send(socket: MemorySocket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.writable) socket.write(piece);
    await turn();
  }
}

/** What a record says, without its time. */
export function describe({ kind, verdict, content }: RequestRecord): string {
  switch (content.family) {
    case "http":
      return [kind, verdict, content.method, content.url, content.code].join(" ");
    case "tls":
      return [kind, verdict, content.serverName].join(" ");
    case "dns":
      return [kind, verdict, content.query, content.qtypes.join(), content.rcode].join(" ");
    case "kafka":
      return [kind, verdict, content.apiKey, content.apiVersion, content.clientId, content.topics.join()].join(" ");
  }
}
