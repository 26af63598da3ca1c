import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import { type CniAnswer, type CniCall, cniCall } from "#agent/api/cni.ts";

/** Answers without regard to the call, as an API that cannot serve it does. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Stands in for the agent: notes calls, and answers as it is told. Takes them by the real
 * schema, so that the binary cannot ask for what the agent would refuse.
 */
export class FakeAgent implements AsyncDisposable {
  readonly calls: CniCall[] = [];
  /** The answers, one a call; when they are used up, nothing is printed and the exit code is 0. */
  readonly answers: CniAnswer[] = [];
  /** Goes before the answers, one a call. */
  readonly refusals: (Refusal | "cut")[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async listen(runDir: string): Promise<FakeAgent> {
    const agent = new FakeAgent();
    agent.#server.listen(`${runDir}/cni.sock`);
    await once(agent.#server, "listening");
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const refusal = this.refusals.shift();
    if (refusal === "cut") return void response.destroy();
    if (refusal) return reply(refusal.status, { error: { code: refusal.code, message: refusal.message } });
    const call = cniCall.safeParse(JSON.parse(body));
    if (!call.success) return reply(400, { error: { code: "bad-request", message: call.error.message } });
    this.calls.push(call.data);
    reply(200, this.answers.shift() ?? { output: null, exitCode: 0 });
  }
}
