import type { Socket } from "node:net";
import { reservedIdentities } from "#policy/model/reserved.ts";
import type { ChildCounts } from "./child-messages.ts";
import type { ConnectionTuple, Judgement, Judgements } from "./judgement.ts";
import type { ConnectionLimits, CurrentRules, ProxiedConnection } from "./proxied-connection.ts";
import { ignore } from "./relay.ts";
import type { RequestRecord } from "./request-record.ts";
import type { RuleBook } from "./rule-book.ts";
import { call, callAsNode, isTaken } from "./sockets.ts";

/** What all connections of a process share. */
export interface ConnectionWorld {
  readonly judgements: Judgements;
  readonly rules: RuleBook;
  readonly limits: ConnectionLimits;
  readonly counts: ChildCounts;
  readonly tell: (record: RequestRecord) => void;
  /** As the agent wishes now. */
  readonly shownHeaders: () => ReadonlySet<string>;
}

/** Sockets to servers that one connection may have at a time: a handler needs one, or two while it changes over. */
const MOST_SERVERS = 4;

/** How long, in ms, the last bytes to a client may take. */
const LINGER = 5000;

/** A client's connection and those that were made for it. */
export class Connection implements ProxiedConnection {
  readonly tuple: ConnectionTuple;
  readonly client: Socket;
  readonly #world: ConnectionWorld;
  #destination: number;
  #servers: readonly Socket[] = [];
  /** A call that was made before anybody asked for it. */
  #early: Promise<Socket> | null = null;
  #draining: AbortController | null = null;
  #isDraining = false;
  /** Bytes that had passed at the last look, and when that was, by the monotonic clock in ms. */
  #passed = 0;
  #passedAt = performance.now();

  constructor(client: Socket, tuple: ConnectionTuple, judgement: Judgement, world: ConnectionWorld) {
    this.client = client;
    this.tuple = tuple;
    this.#destination = judgement.destination.identity;
    this.#world = world;
  }

  get shownHeaders(): ReadonlySet<string> {
    return this.#world.shownHeaders();
  }

  get limits(): ConnectionLimits {
    return this.#world.limits;
  }

  /** Made when it is first asked for: not every connection is waited for in this way. */
  get draining(): AbortSignal {
    this.#draining ??= new AbortController();
    if (this.#isDraining) this.#draining.abort();
    return this.#draining.signal;
  }

  rules(): CurrentRules | null {
    const judgement = this.#world.judgements.of(this.tuple);
    if (judgement === null) return null;
    this.#destination = judgement.destination.identity;
    return { judgement, ends: this.#world.rules.endRules(judgement) };
  }

  tell(record: RequestRecord): void {
    this.#world.tell(record);
  }

  connect(): Promise<Socket> {
    const early = this.#early;
    this.#early = null;
    return early ?? this.#connect();
  }

  /** Calls the server before a handler does: it may be the one that speaks first. The next {@link connect} gives the same. */
  connectEarly(): Promise<Socket> {
    const early = this.#connect();
    early.catch(ignore);
    this.#early = early;
    return early;
  }

  /** Whether there is an early call that no handler has taken. */
  get isCalledEarly(): boolean {
    return this.#early !== null;
  }

  drain(): void {
    this.#isDraining = true;
    this.#draining?.abort();
  }

  /** Whether no byte has passed on the client's side for so many ms, as far as looks from time to time can tell. */
  isIdle(now: number, milliseconds: number): boolean {
    const passed = this.client.bytesRead + this.client.bytesWritten;
    if (passed !== this.#passed) {
      this.#passed = passed;
      this.#passedAt = now;
    }
    return now - this.#passedAt >= milliseconds;
  }

  /** Closes whatever is open: hard, so that nobody takes what has come for all that was to come. */
  destroy(): void {
    for (const server of this.#servers) server.resetAndDestroy();
    if (!this.client.destroyed) this.client.resetAndDestroy();
  }

  /** What is left of a connection that was served: what was written may still leave, if its reader takes it soon. */
  async end(): Promise<void> {
    for (const server of this.#servers) server.destroy();
    const { client } = this;
    if (client.closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    client.once("close", () => resolve());
    const late = setTimeout(() => client.resetAndDestroy(), LINGER);
    client.destroySoon();
    await promise;
    clearTimeout(late);
  }

  async #connect(): Promise<Socket> {
    const { sourceAddress: source, sourcePort, destinationAddress: destination, destinationPort } = this.tuple;
    const from = (port: number): Socket => call({ source, sourcePort: port, destination, destinationPort });
    try {
      if (this.#destination === reservedIdentities.host) {
        return await this.#connected(callAsNode(destination, destinationPort));
      }
      try {
        return await this.#connected(from(sourcePort));
      } catch (error) {
        if (!isTaken(error)) throw error;
        this.#world.counts.otherPort++;
        return await this.#connected(from(0));
      }
    } catch (error) {
      this.#world.counts.unreachable++;
      throw error;
    }
  }

  async #connected(server: Socket): Promise<Socket> {
    // What a handler does not listen to is no reason to end the process; `close` follows.
    server.on("error", ignore);
    if (this.client.destroyed || this.#servers.length >= MOST_SERVERS) {
      server.destroy();
      throw aborted(this.client.destroyed ? "the client has gone" : "there are too many calls for it");
    }
    this.#servers = [...this.#servers, server];
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const connected = (): void => resolve(server);
    server.once("connect", connected).once("error", reject);
    server.once("close", () => {
      this.#servers = this.#servers.filter((one) => one !== server);
      reject(aborted("the client has gone"));
    });
    await promise;
    return server.off("error", reject);
  }
}

function aborted(reason: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`connect: ${reason}`), { code: "ECONNABORTED", syscall: "connect" });
}
