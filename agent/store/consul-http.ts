import * as http from "node:http";
import * as https from "node:https";
import { reasonOf } from "#agent/runtime/errors.ts";
import { BackendError } from "./backend.ts";
import type { ServerOptions } from "./remote-options.ts";
import { readSecret, readTls } from "./server-files.ts";

export interface ConsulRequest {
  readonly method: "GET" | "PUT";
  /** Below `/v1/`, with its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

export interface ConsulAnswer {
  readonly status: number;
  /** What `X-Consul-Index` says: when what was asked for has changed last; null: nothing. */
  readonly index: bigint | null;
  readonly text: string;
}

/** Requests to one Consul agent or server, over connections that are kept. */
export class ConsulHttp implements Disposable {
  readonly #address: URL;
  readonly #agent: http.Agent;
  readonly #tokenFile: string | null;
  /** Read at the first request, and again when Consul refused one. */
  #token: string | null = null;

  /** @throws BackendError `refused` when a certificate cannot be read. */
  constructor(address: string, options: ServerOptions) {
    this.#address = new URL("/v1/", address);
    // A watch holds a connection each, so there is no limit.
    const kept = { keepAlive: true };
    const isSecure = this.#address.protocol === "https:";
    this.#agent = isSecure ? new https.Agent({ ...kept, ...readTls(options) }) : new http.Agent(kept);
    this.#tokenFile = options.tokenFile;
  }

  /** @throws BackendError where Consul does not do what it was asked; the statuses 404 and 409 are answers. */
  async ask({ method, path, body, signal }: ConsulRequest): Promise<ConsulAnswer> {
    if (this.#tokenFile !== null) this.#token ??= readSecret(this.#tokenFile);
    const { promise, resolve, reject } = Promise.withResolvers<ConsulAnswer>();
    const { request } = this.#address.protocol === "https:" ? https : http;
    const content = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      ...(content === "" ? {} : { "content-type": "application/json" }),
      "content-length": Buffer.byteLength(content),
      ...(this.#token === null ? {} : { "x-consul-token": this.#token }),
    };
    const sent = request(new URL(path, this.#address), { method, headers, agent: this.#agent, signal }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const index = response.headers["x-consul-index"];
        resolve({
          status: response.statusCode ?? 0,
          index: typeof index === "string" && /^\d+$/.test(index) ? BigInt(index) : null,
          text: Buffer.concat(parts).toString("utf8"),
        });
      });
    });
    sent.on("error", reject);
    sent.end(content);
    const answer = await promise.catch((error: unknown) => {
      throw new BackendError("unavailable", reasonOf(error), { cause: error });
    });
    const { status, text } = answer;
    if (status === 200 || status === 404 || status === 409) return answer;
    const reason = `status ${status}: ${text.trim().slice(0, 200)}`;
    if (status !== 401 && status !== 403) throw new BackendError("unavailable", reason);
    this.#token = null;
    throw new BackendError("refused", reason);
  }

  /** Ends requests that are under way. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
