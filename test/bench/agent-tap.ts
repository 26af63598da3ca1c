import { connect, createServer, type Server, type Socket } from "node:net";
import { mkdirSync } from "node:fs";
import { once } from "node:events";
import { cniSocket } from "#agent/api/run-dir-paths.ts";

/** Stands between the CNI binary and the agent, on a run folder of its own, and takes the time of the agent's answers. */
export class AgentTap implements AsyncDisposable {
  readonly runDir: string;
  readonly #server: Server;
  readonly #onAnswer: () => Promise<void>;
  #waited = 0;

  private constructor(runDir: string, agent: string, onAnswer: () => Promise<void>) {
    this.runDir = runDir;
    this.#onAnswer = onAnswer;
    this.#server = createServer((socket) => this.#join(socket, connect(agent)));
  }

  /** @param onAnswer awaited before an answer of the agent goes on to the binary. */
  static async open(runDir: string, agentRunDir: string, onAnswer = async (): Promise<void> => {}): Promise<AgentTap> {
    mkdirSync(runDir);
    const tap = new AgentTap(runDir, cniSocket(agentRunDir), onAnswer);
    tap.#server.listen(cniSocket(runDir));
    await once(tap.#server, "listening");
    return tap;
  }

  /** Milliseconds from requests to their answers since the last call. */
  take(): number {
    const waited = this.#waited;
    this.#waited = 0;
    return waited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(binary: Socket, agent: Socket): void {
    let asked = 0;
    let passedOn = Promise.resolve();
    binary.on("data", (data) => {
      asked = performance.now();
      agent.write(data);
    });
    agent.on("data", (data) => {
      if (asked > 0) this.#waited += performance.now() - asked;
      asked = 0;
      passedOn = passedOn.then(this.#onAnswer).then(() => void binary.write(data));
    });
    binary.on("close", () => agent.destroy());
    agent.on("close", () => void passedOn.then(() => binary.end()));
    for (const socket of [binary, agent]) socket.on("error", () => socket.destroy());
  }
}
