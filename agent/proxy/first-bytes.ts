import type { Socket } from "node:net";
import type { Connection } from "./connection.ts";
import { type Choice, chooseProtocol, isPlain } from "./protocol.ts";

/** How long, in ms, the rest of what may become a known protocol is waited for where everything passes anyway. */
const PLAIN_WAIT = 200;

/**
 * - `denied`: policy lets the connection go on no longer.
 * - `late`: the bytes that tell the protocol did not come in time.
 * - `gone`: the client has closed, or its server cannot be reached.
 */
export type Choosing = Exclude<Choice, "more"> | "denied" | "late" | "gone";

export interface Beginning {
  readonly choice: Choosing;
  /** What the client sent before it ended: the one case in which its bytes cannot be put back. */
  readonly head: Buffer | null;
}

/**
 * Waits until it can be told what a client speaks. Its bytes are put back, and it is paused.
 *
 * Where everything passes, the server is called meanwhile: one that speaks first has nothing to do with any protocol that
 * we know.
 */
export function readBeginning(connection: Connection): Promise<Beginning> {
  return new FirstBytes(connection).chosen.promise;
}

class FirstBytes {
  readonly chosen = Promise.withResolvers<Beginning>();
  readonly #connection: Connection;
  #bytes: Buffer | null = null;
  #server: Socket | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { client } = connection;
    const current = connection.rules();
    if (current === null) {
      this.#settle("denied");
      return;
    }
    client.on("data", this.#data).once("end", this.#end).once("close", this.#gone);
    if (isPlain(current.ends)) connection.connectEarly().then(this.#called, this.#gone);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#bytes = this.#bytes === null ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#choose(this.#bytes, false);
  };

  readonly #end = (): void => {
    if (this.#bytes !== null) return this.#choose(this.#bytes, true);
    // It has said nothing; its server may have something to say all the same.
    const current = this.#connection.rules();
    this.#settle(current !== null && isPlain(current.ends) ? "raw" : "gone");
  };

  readonly #gone = (): void => this.#settle("gone");

  readonly #called = (server: Socket): void => {
    // Once the handler has it, it is the handler's.
    if (this.#connection.isCalledEarly) this.#server = server.once("readable", this.#serverSpoke);
  };

  readonly #serverSpoke = (): void => this.#settle("raw");

  #choose(bytes: Buffer, isAll: boolean): void {
    const current = this.#connection.rules();
    if (current === null) return this.#settle("denied");
    const choice = chooseProtocol(current.ends, bytes, isAll);
    if (choice !== "more") return this.#settle(choice);
    const { headTimeout } = this.#connection.limits;
    this.#timer ??= isPlain(current.ends)
      ? setTimeout(() => this.#choose(this.#bytes ?? bytes, true), Math.min(PLAIN_WAIT, headTimeout))
      : setTimeout(() => this.#settle("late"), headTimeout);
  }

  #settle(choice: Choosing): void {
    const { client } = this.#connection;
    if (this.#timer) clearTimeout(this.#timer);
    client.off("data", this.#data).off("end", this.#end).off("close", this.#gone).pause();
    this.#server?.off("readable", this.#serverSpoke).pause();
    const bytes = this.#bytes;
    const canBack = !client.readableEnded && !client.destroyed;
    if (bytes !== null && canBack) client.unshift(bytes);
    this.chosen.resolve({ choice, head: canBack ? null : bytes });
  }
}
