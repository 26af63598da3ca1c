import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A server on a loopback port of its own. */
export class TestServer implements AsyncDisposable {
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param serve what it does with each connection; default: sends back what comes. */
  static async start(serve: (socket: Socket) => void = (socket) => void socket.pipe(socket)): Promise<TestServer> {
    const test = new TestServer(
      createServer({ allowHalfOpen: true }, (socket) => {
        test.sockets.add(socket);
        socket.on("error", () => {});
        serve(socket);
      }),
    );
    test.#server.listen(0, "127.0.0.1");
    await once(test.#server, "listening");
    return test;
  }

  /** Where a connection that a proxy takes is to go. */
  get destination(): { destinationAddress: string; destinationPort: number } {
    return { destinationAddress: "127.0.0.1", destinationPort: (this.#server.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
