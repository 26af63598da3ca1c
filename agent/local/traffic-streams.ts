/** Long-running traffic against an echo server. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { StreamReport, StreamShape, Target } from "./traffic-protocol.ts";

export interface TrafficStream {
  report(): StreamReport;
  /** Sends no more, waits for what is under way, closes and reports. */
  stop(): Promise<StreamReport>;
}

/** How long an echo may be under way, in milliseconds. */
const flight = 500;

/** One TCP connection that sends messages of equal size, or none, and counts the bytes that come. */
export class TcpStream implements TrafficStream {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #size: number;
  #sent = 0;
  #bytes = 0;
  #ended: string | null = null;

  private constructor(socket: Socket, { interval, size }: StreamShape) {
    this.#socket = socket;
    this.#size = size;
    socket.on("data", (data) => (this.#bytes += data.length));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
    socket.on("close", () => this.#end("closed"));
    this.#timer = interval === null ? undefined : setInterval(() => this.#send(), interval);
  }

  static async start(target: Target, shape: StreamShape): Promise<TcpStream> {
    const local = shape.sourcePort === 0 ? {} : { localPort: shape.sourcePort };
    const socket = connect({ host: target.address, port: target.port, noDelay: true, ...local });
    await once(socket, "connect");
    return new TcpStream(socket, shape);
  }

  report(): StreamReport {
    return { sent: this.#sent, received: Math.floor(this.#bytes / this.#size), lost: [], ended: this.#ended };
  }

  async stop(): Promise<StreamReport> {
    clearInterval(this.#timer);
    const deadline = performance.now() + flight;
    while (this.report().received < this.#sent && this.#ended === null && performance.now() < deadline) await delay(5);
    const report = this.report();
    this.#socket.destroy();
    return report;
  }

  #send(): void {
    // Not more than one message beyond what the kernel takes: a cut stream must not fill memory.
    if (this.#socket.writableNeedDrain || this.#ended !== null) return;
    this.#socket.write(Buffer.alloc(this.#size));
    this.#sent += 1;
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    clearInterval(this.#timer);
  }
}

/** UDP datagrams with numbers, and which of them did not come back whole; or one, and what comes for it. */
export class UdpStream implements TrafficStream {
  readonly #socket: UdpSocket;
  readonly #target: Target;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #size: number;
  readonly #missing = new Set<number>();
  #sent = 0;
  #received = 0;
  #open = true;

  private constructor(socket: UdpSocket, target: Target, { interval, size }: StreamShape) {
    this.#socket = socket;
    this.#target = target;
    this.#size = size;
    socket.on("message", (data) => {
      if (data.length !== size || data.some((byte, at) => at >= 4 && byte !== (at & 255))) return;
      this.#received += 1;
      this.#missing.delete(data.readUInt32BE(0));
    });
    // A refusal (ICMP) shows as a datagram that did not come back.
    socket.on("error", () => undefined);
    if (interval === null) this.#send();
    else this.#timer = setInterval(() => this.#send(), interval);
  }

  static async start(target: Target, shape: StreamShape): Promise<UdpStream> {
    const socket = createSocket(target.address.includes(":") ? "udp6" : "udp4");
    socket.bind(shape.sourcePort);
    await once(socket, "listening");
    return new UdpStream(socket, target, shape);
  }

  report(): StreamReport {
    return { sent: this.#sent, received: this.#received, lost: [...this.#missing], ended: null };
  }

  async stop(): Promise<StreamReport> {
    clearInterval(this.#timer);
    const deadline = performance.now() + flight;
    while (this.#missing.size > 0 && performance.now() < deadline) await delay(5);
    if (this.#open) this.#socket.close();
    this.#open = false;
    return this.report();
  }

  #send(): void {
    const datagram = Buffer.from(Array.from({ length: this.#size }, (_, at) => at & 255));
    datagram.writeUInt32BE(this.#sent);
    this.#missing.add(this.#sent);
    this.#sent += 1;
    this.#socket.send(datagram, this.#target.port, this.#target.address, () => undefined);
  }
}
