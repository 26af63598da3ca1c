import { type Acknowledgement, parseAcknowledgement, parseDone } from "./acknowledgement.ts";
import { MessageFlag, MessageType } from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { encodeRequest, type NetlinkMessage, type NetlinkRequest, parseMessages } from "./message.ts";
import type { Parsed } from "./parsed.ts";
import type { NetlinkTransport } from "./transport.ts";

/** A dump that a change of the table interrupted is asked for again, at most so often. */
const dumpAttempts = 8;

type Parse<T> = (payload: Uint8Array) => Parsed<T>;

/** Requests and their answers over one transport; one request at a time, no waiting. */
export class NetlinkConnection {
  readonly #transport: NetlinkTransport;
  #sequence = 0;

  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /**
   * Has the kernel do something.
   * @throws NetlinkError `kernel` when it refuses.
   */
  execute(request: NetlinkRequest): void {
    const [bytes, sequence] = this.#encode({ ...request, flags: request.flags | MessageFlag.ACK });
    this.#transport.send(bytes);
    this.#acknowledge(request, sequence);
  }

  /**
   * The same for what the kernel takes long over: `send` sends the bytes in its own time.
   * The connection must not be used meanwhile.
   * @throws NetlinkError `kernel` when it refuses.
   */
  async executeBy(send: (bytes: Uint8Array) => Promise<void>, request: NetlinkRequest): Promise<void> {
    const [bytes, sequence] = this.#encode({ ...request, flags: request.flags | MessageFlag.ACK });
    await send(bytes);
    this.#acknowledge(request, sequence);
  }

  #acknowledge(request: NetlinkRequest, sequence: number): void {
    for (;;) {
      for (const message of this.#receive(request, sequence)) {
        if (message.type !== MessageType.ERROR) continue;
        const { errno, hint } = demand(request, parseAcknowledgement(message));
        if (errno !== 0) throw NetlinkError.kernel(request.what, errno, hint);
        return;
      }
    }
  }

  /**
   * Reads one thing.
   * @throws NetlinkError `kernel` when the kernel does not know it.
   */
  get<T>(request: NetlinkRequest, parse: Parse<T>): T {
    const sequence = this.#send(request);
    for (;;) {
      for (const message of this.#receive(request, sequence)) {
        if (message.type !== MessageType.ERROR) return demand(request, parse(message.payload));
        const { errno, hint } = demand(request, parseAcknowledgement(message));
        throw NetlinkError.kernel(request.what, errno, hint);
      }
    }
  }

  /**
   * Reads a table.
   * @throws NetlinkError `interrupted` when the table never stands still.
   */
  dump<T>(request: NetlinkRequest, parse: Parse<T>): T[] {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const values = this.#dumpOnce({ ...request, flags: request.flags | MessageFlag.DUMP }, parse);
      if (values) return values;
    }
    throw new NetlinkError("interrupted", `${request.what}: the table kept changing`);
  }

  /** The table, or undefined when it changed meanwhile. */
  #dumpOnce<T>(request: NetlinkRequest, parse: Parse<T>): T[] | undefined {
    const values: T[] = [];
    const sequence = this.#send(request);
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(request, sequence)) {
        if (message.flags & MessageFlag.DUMP_INTERRUPTED) interrupted = true;
        if (message.type === MessageType.DONE || message.type === MessageType.ERROR) {
          const end: Parsed<Acknowledgement> =
            message.type === MessageType.DONE ? parseDone(message) : parseAcknowledgement(message);
          const { errno, hint } = demand(request, end);
          if (errno !== 0) throw NetlinkError.kernel(request.what, errno, hint);
          return interrupted ? undefined : values;
        }
        values.push(demand(request, parse(message.payload)));
      }
    }
  }

  #send(request: NetlinkRequest): number {
    const [bytes, sequence] = this.#encode(request);
    this.#transport.send(bytes);
    return sequence;
  }

  #encode(request: NetlinkRequest): [Uint8Array, number] {
    // Numbers start at 1: the kernel's own notifications carry 0.
    this.#sequence = (this.#sequence % 0xffffffff) + 1;
    const flags = request.flags | MessageFlag.REQUEST;
    return [encodeRequest({ ...request, flags }, this.#sequence), this.#sequence];
  }

  /** The next datagram's messages that answer this request; those of an abandoned one are skipped. */
  #receive(request: NetlinkRequest, sequence: number): NetlinkMessage[] {
    const messages = demand(request, parseMessages(this.#transport.receive()));
    return messages.filter((message) => message.sequence === sequence && message.type !== MessageType.NOOP);
  }
}

/** What was parsed. @throws NetlinkError `malformed`. */
function demand<T>(request: NetlinkRequest, outcome: Parsed<T>): T {
  if (outcome.ok) return outcome.value;
  throw new NetlinkError("malformed", `${request.what}: ${outcome.error}`);
}
