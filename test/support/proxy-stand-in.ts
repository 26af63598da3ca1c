import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { LineReader } from "#agent/proxy/lines.ts";
import {
  formatMessage,
  type FromProxy,
  LONGEST_LINE,
  parseToProxy,
  PROTOCOL,
  proxySocketOf,
  type ToProxy,
} from "#agent/proxy/messages.ts";
import { RuleBook, type RuleUpdate } from "#agent/proxy/rule-book.ts";

export interface StandInOptions {
  readonly runDir: string;
  /** Any number: no process has to have it. */
  readonly pid: number;
  readonly build?: string;
  /** Of the rules that it has at its start. */
  readonly version?: number;
}

/** What an agent sees of a proxy: its control socket. It takes rules as a proxy does, and keeps what it was told. */
export class ProxyStandIn implements AsyncDisposable {
  readonly pid: number;
  readonly updates: RuleUpdate[] = [];
  readonly heard: ToProxy[] = [];
  readonly rules = new RuleBook();
  /** Whether it says at once that it has the rules. */
  isPrompt = true;
  /** Whether it closes the connection of whoever tells it of rules. */
  isDeaf = false;
  /** How often somebody has connected. */
  connections = 0;
  readonly #server: Server;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();

  private constructor({ runDir, pid, build = "own", version = 0 }: StandInOptions) {
    this.pid = pid;
    this.#path = proxySocketOf(runDir, pid);
    this.rules.apply({ version, isWhole: true, added: [], removed: [] });
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      this.connections++;
      const lines = new LineReader(LONGEST_LINE, (line) => this.#take(line.toString()));
      socket.on("data", (chunk) => lines.push(chunk));
      socket.on("close", () => this.#sockets.delete(socket));
      const hello: FromProxy = {
        type: "hello",
        protocol: PROTOCOL,
        pid,
        build,
        version: this.rules.version,
        isDraining: false,
      };
      socket.write(formatMessage(hello));
    });
  }

  static async start(options: StandInOptions): Promise<ProxyStandIn> {
    const proxy = new ProxyStandIn(options);
    proxy.#server.listen(proxy.#path);
    await once(proxy.#server, "listening");
    return proxy;
  }

  say(message: FromProxy): void {
    for (const socket of this.#sockets) socket.write(formatMessage(message));
  }

  acknowledge(): void {
    this.say({ type: "acknowledged", version: this.rules.version });
  }

  #take(line: string): void {
    const parsed = parseToProxy(line);
    if (!parsed.ok) throw new Error(parsed.error);
    this.heard.push(parsed.message);
    if (parsed.message.type !== "rules") return;
    if (this.isDeaf) {
      for (const socket of this.#sockets) socket.destroy();
      return;
    }
    const { update } = parsed.message;
    const { version } = this.rules;
    if (!update.isWhole && (version === 0 || update.version !== version + 1)) {
      this.say({ type: "refused", version: update.version, has: version });
      return;
    }
    this.updates.push(update);
    this.rules.apply(update);
    if (this.isPrompt) this.acknowledge();
  }

  /** As when it is killed: its socket stays and refuses. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
    rmSync(this.#path, { force: true });
  }
}
