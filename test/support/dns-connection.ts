import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { frame, MessageReader } from "#agent/proxy/dns/framing.ts";
import { dnsTcpHandler } from "#agent/proxy/dns/tcp.ts";
import type { Admission, DnsAnswer, Names } from "#agent/proxy/names.ts";
import type { ConnectionLimits, CurrentRules } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";

/** Messages of one end of DNS over TCP. */
export class DnsStream {
  readonly socket: Socket;
  readonly #reader = new MessageReader();
  readonly #messages: Buffer[] = [];
  #wake: (() => void) | null = null;
  isOver = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece: Buffer) => {
      this.#reader.push(piece);
      for (let message = this.#reader.next(); message; message = this.#reader.next()) this.#messages.push(message);
      this.#wake?.();
    });
    socket.on("error", () => undefined);
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.isOver = true;
        this.#wake?.();
      });
    }
  }

  send(message: Buffer): void {
    this.socket.write(frame(message));
  }

  /** The next message; null: the other end has none more. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) return message;
      if (this.isOver) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A client, `serveDnsTcp` and a server of the test's own, on loopback. */
export class DnsConnectionLab implements AsyncDisposable {
  readonly records: RequestRecord[] = [];
  readonly admissions: { readonly answer: DnsAnswer; readonly admit: (admission: Admission) => void }[] = [];
  /** Whether answers wait until the test admits them. */
  isHolding = false;
  rules: CurrentRules | null;
  readonly limits: ConnectionLimits = { headBytes: 0, headFields: 0, headTimeout: 30_000, idleTimeout: 30_000 };
  readonly #drained = new AbortController();
  readonly #front = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  readonly #back = createServer({ allowHalfOpen: true });
  readonly #open: Socket[] = [];
  /** Of handlers that have not ended. */
  serving = 0;
  calls = 0;
  isRefusing = false;

  private constructor(rules: CurrentRules) {
    this.rules = rules;
  }

  static async start(rules: CurrentRules): Promise<DnsConnectionLab> {
    const lab = new DnsConnectionLab(rules);
    for (const server of [lab.#front, lab.#back]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      server.on("connection", (socket) => lab.#open.push(socket));
    }
    lab.#front.on("connection", (client: Socket) => void lab.#serve(client));
    return lab;
  }

  async #serve(client: Socket): Promise<void> {
    const names: Names = {
      admit: (answer) => {
        if (!this.isHolding) return null;
        return new Promise((resolve) => this.admissions.push({ answer, admit: resolve }));
      },
    };
    this.serving++;
    await dnsTcpHandler({ names, denial: () => "refused" })({
      tuple: {
        protocol: "TCP",
        sourceAddress: "10.0.0.1",
        sourcePort: 40_000,
        destinationAddress: "10.0.0.2",
        destinationPort: 53,
      },
      client,
      rules: () => this.rules,
      connect: () => this.#call(),
      tell: (record) => this.records.push(record),
      draining: this.#drained.signal,
      limits: this.limits,
    });
    this.serving--;
  }

  async #call(): Promise<Socket> {
    this.calls++;
    if (this.isRefusing) throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const server = connect({ port: portOf(this.#back), host: "127.0.0.1", allowHalfOpen: true });
    await once(server, "connect");
    return server.pause();
  }

  async client(): Promise<DnsStream> {
    const socket = connect({ port: portOf(this.#front), host: "127.0.0.1", allowHalfOpen: true });
    this.#open.push(socket);
    await once(socket, "connect");
    return new DnsStream(socket);
  }

  /** The next connection that the proxy makes to the server. */
  async server(): Promise<DnsStream> {
    const [socket] = (await once(this.#back, "connection")) as [Socket];
    return new DnsStream(socket);
  }

  drain(): void {
    this.#drained.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    for (const server of [this.#front, this.#back]) {
      server.close();
      await once(server, "close");
    }
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
