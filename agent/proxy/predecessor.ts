import { connect, type Socket } from "node:net";
import { errnoName, libc } from "#agent/net/libc.ts";
import { isErrno } from "#agent/runtime/errors.ts";
import type { Sender } from "./acknowledgements.ts";
import { ProxyError } from "./errors.ts";
import { LineReader } from "./lines.ts";
import {
  formatMessage,
  type FromProxy,
  type HelloMessage,
  LONGEST_LINE,
  parseFromProxy,
  proxySocket,
  type ToProxy,
} from "./messages.ts";
import type { NameRules } from "./names.ts";
import type { RuleUpdate } from "./rule-book.ts";

/** How long, in ms, it may take for an answer. */
const PATIENCE = 10_000;

const asked = "take over from the proxy that runs";

/**
 * The proxy that runs, for the one that is to take its place: as if that were one of its workers, which has its listeners, and its rules as
 * soon as it has.
 */
export class Predecessor implements Sender, Disposable {
  readonly #socket: Socket;
  readonly #updates: RuleUpdate[] = [];
  readonly #answers: FromProxy[] = [];
  #follow: { rules: (update: RuleUpdate) => void; names: (rules: NameRules) => void } | null = null;
  #names: NameRules | null = null;
  #noticed: () => void = () => {};
  #error: string | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new LineReader(LONGEST_LINE, (line) => {
      const parsed = parseFromProxy(line.toString("utf8"));
      if (parsed.ok) this.#take(parsed.message);
      else this.#fail(parsed.error);
    });
    socket.on("data", (chunk) => {
      if (!lines.push(chunk)) this.#fail("it says more than anybody reads");
    });
    socket.on("error", (error) => this.#fail(error.message));
    socket.on("close", () => this.#fail("it has closed the connection"));
  }

  /** Null: none runs. */
  static async find(runDir: string): Promise<Predecessor | null> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(proxySocket(runDir));
    socket.once("connect", resolve).once("error", reject);
    try {
      await promise;
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ECONNREFUSED")) return null;
      throw error;
    }
    socket.off("error", reject);
    return new Predecessor(socket);
  }

  /** @throws ProxyError `take-over`. */
  hello(): Promise<HelloMessage> {
    return this.#answer("hello");
  }

  /**
   * Copies of its listeners, and its rules, if it has any.
   *
   * @throws ProxyError `take-over`.
   */
  async handOver({ version }: HelloMessage): Promise<{ listeners: (number | null)[]; updates: RuleUpdate[] }> {
    this.#send({ type: "handOver" });
    const { pid, descriptors } = await this.#answer("listeners");
    await this.#until(() => version === 0 || this.#updates.length > 0);
    return { listeners: copyDescriptors(pid, descriptors), updates: this.#updates.splice(0) };
  }

  /** Hears of each further update, and of names. */
  follow(rules: (update: RuleUpdate) => void, names: (rules: NameRules) => void): void {
    this.#follow = { rules, names };
    if (this.#names) names(this.#names);
    for (const update of this.#updates.splice(0)) rules(update);
  }

  acknowledged(version: number): void {
    this.#send({ type: "acknowledged", version });
  }

  /** From now on this process takes what comes. */
  drain(): void {
    this.#send({ type: "drain", successor: process.pid });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #send(message: ToProxy): void {
    if (this.#socket.writable) this.#socket.write(formatMessage(message));
  }

  #take(message: FromProxy): void {
    if (message.type === "rules") {
      if (this.#follow) this.#follow.rules(message.update);
      else this.#updates.push(message.update);
    } else if (message.type === "names") {
      this.#names = message.rules;
      this.#follow?.names(message.rules);
    } else if (message.type === "hello" || message.type === "listeners") this.#answers.push(message);
    this.#noticed();
  }

  #fail(error: string): void {
    this.#error ??= error;
    this.#socket.destroy();
    this.#noticed();
  }

  async #answer<T extends "hello" | "listeners">(type: T): Promise<Extract<FromProxy, { type: T }>> {
    const find = (): FromProxy | undefined => this.#answers.find((one) => one.type === type);
    await this.#until(() => find() !== undefined);
    return find() as Extract<FromProxy, { type: T }>;
  }

  async #until(condition: () => boolean): Promise<void> {
    const late = setTimeout(() => this.#fail(`it does not answer within ${PATIENCE / 1000} s`), PATIENCE);
    try {
      while (!condition()) {
        if (this.#error !== null) throw failure(this.#error);
        await new Promise<void>((resolve) => (this.#noticed = resolve));
      }
    } finally {
      clearTimeout(late);
    }
  }
}

/** Descriptors of another process, as our own: the same sockets. */
function copyDescriptors(pid: number, descriptors: readonly (number | null)[]): (number | null)[] {
  const process = libc().processDescriptor(pid);
  if (process < 0) throw failure(`open process ${pid}: ${errnoName(process)}`);
  const copies: (number | null)[] = [];
  try {
    for (const descriptor of descriptors) {
      const copy = descriptor === null ? null : libc().copyDescriptor(process, descriptor);
      if (copy !== null && copy < 0) throw failure(`copy its descriptor ${descriptor}: ${errnoName(copy)}`);
      copies.push(copy);
    }
  } catch (error) {
    for (const copy of copies) if (copy !== null) libc().close(copy);
    throw error;
  } finally {
    libc().close(process);
  }
  return copies;
}

function failure(obstacle: string): ProxyError {
  const remedy = "end it by SIGTERM, and start another one: connections that are opened meanwhile wait";
  return new ProxyError("take-over", { asked, obstacle, remedy });
}
