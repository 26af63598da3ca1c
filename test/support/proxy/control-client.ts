import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { until } from "#agent/local/until.ts";
import { LineReader } from "#agent/proxy/lines.ts";
import {
  formatMessage,
  type FromProxy,
  LONGEST_LINE,
  parseFromProxy,
  proxySocket,
  type ToProxy,
} from "#agent/proxy/messages.ts";
import type { RuleUpdate } from "#agent/proxy/rule-book.ts";

/** The agent's end of a proxy's control socket, by hand. */
export class ControlClient implements Disposable {
  readonly heard: FromProxy[] = [];
  /** Whether it says of batches of records that they were read. */
  isReading = true;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new LineReader(LONGEST_LINE, (line) => {
      const parsed = parseFromProxy(line.toString());
      if (!parsed.ok) throw new Error(parsed.error);
      this.heard.push(parsed.message);
      if (parsed.message.type === "records" && this.isReading)
        this.say({ type: "read", sequence: parsed.message.sequence });
    });
    socket.on("data", (chunk) => lines.push(chunk));
    socket.on("error", () => {});
  }

  static async open(runDir: string): Promise<ControlClient> {
    const socket = connect(proxySocket(runDir));
    await once(socket, "connect");
    return new ControlClient(socket);
  }

  say(message: ToProxy): void {
    this.#socket.write(formatMessage(message));
  }

  get isClosed(): boolean {
    return this.#socket.closed;
  }

  /** The messages of a type that have come. */
  of<T extends FromProxy["type"]>(type: T): Extract<FromProxy, { type: T }>[] {
    return this.heard.filter((one): one is Extract<FromProxy, { type: T }> => one.type === type);
  }

  /** Waits for a message that meets the condition. */
  async next<T extends FromProxy["type"]>(
    type: T,
    meets: (message: Extract<FromProxy, { type: T }>) => boolean = () => true,
  ): Promise<Extract<FromProxy, { type: T }>> {
    return until(`a message of type ${type}`, () => this.of(type).find(meets) ?? false, { every: 2 });
  }

  /** Tells rules, and waits until all workers have them. */
  async tell(update: RuleUpdate): Promise<void> {
    this.say({ type: "rules", update });
    await this.next("acknowledged", ({ version }) => version === update.version);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** An update by which reference N stands for a rule of HTTP with the given name. */
export function ruleUpdate(version: number, names: Readonly<Record<number, string>>, isWhole = false): RuleUpdate {
  return {
    version,
    isWhole,
    removed: [],
    added: Object.entries(names).map(([reference, name]) => ({
      reference: Number(reference),
      rules: [
        {
          description: { kind: "K", namespace: "n", name, rule: "egress[0]", file: "f.yaml", line: 1 },
          l7: { family: "http", rules: [] },
          serverNames: [],
        },
      ],
    })),
  };
}
