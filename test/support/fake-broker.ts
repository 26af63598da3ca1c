import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { FrameReader } from "#agent/proxy/kafka/frame-reader.ts";

/** What a broker answers a request with; null: nothing. Both with their length before them. */
export type BrokerAnswer = (request: Buffer) => Buffer | null;

/** A broker on a port of the loopback address: it keeps what it is asked, and answers as a test says, in order. */
export class FakeBroker implements AsyncDisposable {
  readonly asked: Buffer[] = [];
  readonly clients: Socket[] = [];
  answer: BrokerAnswer;
  readonly #server: Server;

  private constructor(answer: BrokerAnswer) {
    this.answer = answer;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(answer: BrokerAnswer): Promise<FakeBroker> {
    const broker = new FakeBroker(answer);
    broker.#server.listen(0, "127.0.0.1");
    await once(broker.#server, "listening");
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    this.clients.push(socket);
    const reader = new FrameReader(100_000_000);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      reader.add(chunk);
      for (let frame = reader.next(); frame instanceof Buffer; frame = reader.next()) {
        this.asked.push(frame);
        const answer = this.answer(frame);
        if (answer) socket.write(answer);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
