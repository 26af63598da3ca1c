import { once } from "node:events";
import { type ServerHttp2Session, type ServerHttp2Stream, performServerHandshake } from "node:http2";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { FrameType, PREFACE, fields, frame, USUAL, END_HEADERS, END_STREAM } from "./raw-client.ts";

/** A server of HTTP/1.1 that becomes one of HTTP/2 when it is asked to (RFC 7540, section 3.2), and answers with the path. */
export class UpgradingServer implements AsyncDisposable {
  /** Heads of requests by HTTP/1. */
  readonly heads: string[] = [];
  /** Paths of streams other than the first. */
  readonly paths: unknown[] = [];
  /** Whether it does. */
  upgrades = true;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#listener = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<UpgradingServer> {
    const server = new UpgradingServer();
    server.#listener.listen(0, "127.0.0.1");
    await once(server.#listener, "listening");
    return server;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        this.heads.push(head);
        const path = head.split(" ")[1] ?? "";
        if (!this.upgrades || !/^upgrade: h2c\r?$/im.test(head)) {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`);
          continue;
        }
        socket.off("data", read).pause();
        socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n");
        void this.#upgrade(socket, Buffer.from(text, "latin1"), path);
        return;
      }
    };
    socket.on("data", read);
  }

  /** Lets the server's session believe that the first stream has come by HTTP/2. */
  async #upgrade(socket: Socket, begin: Buffer, path: string): Promise<void> {
    let bytes = begin;
    const settingsEnd = (): number => PREFACE.length + 9 + bytes.readUIntBE(PREFACE.length, 3);
    while (bytes.length < PREFACE.length + 9 || bytes.length < settingsEnd()) {
      socket.resume();
      const [chunk] = (await once(socket, "data")) as [Buffer];
      socket.pause();
      bytes = Buffer.concat([bytes, chunk]);
    }
    const first = frame(FrameType.headers, END_HEADERS | END_STREAM, 1, fields({ ...USUAL, ":path": path }));
    socket.unshift(Buffer.concat([bytes.subarray(0, settingsEnd()), first, bytes.subarray(settingsEnd())]));
    const session: ServerHttp2Session = performServerHandshake(socket);
    session.on("error", () => {});
    session.on("stream", (stream: ServerHttp2Stream, headers) => {
      if (stream.id !== 1) this.paths.push(headers[":path"]);
      stream.on("error", () => {});
      stream.respond({ ":status": 200, "x-seen": headers["x-seen"] ?? "" });
      stream.end(headers[":path"]);
    });
    process.nextTick(() => socket.resume());
  }
}
