import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ExportError } from "./errors.ts";
import { readHeaders } from "./otlp-headers.ts";

const compress = promisify(gzip);

/** How long, in ms, a collector may take for an answer. */
const patience = 10_000;
/** Bytes of an answer that are looked at. */
const answerLimit = 64 * 1024;
/** The longest, in ms, that a collector may ask to be left alone. */
const longestWait = 300_000;
/** Statuses after which the same may be sent again, by OTLP/HTTP. */
const retryable = new Set([429, 502, 503, 504]);

/** What became of a request. */
export type Delivery =
  | {
      readonly kind: "taken";
      /** Records that the collector did not take all the same, and why. */
      readonly rejected: number;
      readonly message: string;
    }
  /** `after`: ms that the collector has asked for. */
  | { readonly kind: "later"; readonly reason: string; readonly after: number | null }
  | { readonly kind: "refused"; readonly reason: string };

export interface SenderOptions {
  readonly endpoint: URL;
  readonly headersFile: string | null;
  /** Who signs the collector's certificate, PEM; null: whom Node trusts. */
  readonly caFile: string | null;
}

/** Sends requests of OTLP/HTTP with JSON to one collector, over a connection that is kept. */
export class OtlpSender implements Disposable {
  readonly #options: SenderOptions;
  readonly #agent: http.Agent;
  #headers: Readonly<Record<string, string>>;

  /** @throws ExportError `otlp` when a file cannot be read. */
  constructor(options: SenderOptions) {
    const { endpoint, headersFile, caFile } = options;
    this.#options = options;
    this.#headers = headersFile === null ? {} : readHeaders(headersFile);
    const kept = { keepAlive: true, maxSockets: 1 };
    const isSecure = endpoint.protocol === "https:";
    const trust = caFile === null ? {} : { ca: readCa(caFile) };
    this.#agent = isSecure ? new https.Agent({ ...kept, ...trust }) : new http.Agent(kept);
  }

  /** @param signal gives up. */
  async send(content: string, signal: AbortSignal): Promise<Delivery> {
    const body = await compress(content, { level: 1 });
    try {
      const { status, headers, text } = await this.#post(
        body,
        AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      );
      if (status >= 200 && status < 300) return takenOf(text);
      const reason = `it answers with status ${status}`;
      if (retryable.has(status)) return { kind: "later", reason, after: waitOf(headers["retry-after"]) };
      if (status === 401 || status === 403) this.#renewHeaders();
      return { kind: "refused", reason };
    } catch (error) {
      return { kind: "later", reason: isTimeout(error) ? "it does not answer" : reasonOf(error), after: null };
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #post(body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { endpoint } = this.#options;
    const { request } = endpoint.protocol === "https:" ? https : http;
    const headers = {
      ...this.#headers,
      "content-type": "application/json",
      "content-encoding": "gzip",
      "content-length": body.length,
    };
    const sent = request(endpoint, { method: "POST", headers, agent: this.#agent, signal }, (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on("data", (part: Buffer) => {
        if (length < answerLimit) parts.push(part);
        length += part.length;
      });
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    sent.on("error", reject);
    sent.end(body);
    return promise;
  }

  /** The secret may have been changed; one that cannot be read leaves the old. */
  #renewHeaders(): void {
    const { headersFile } = this.#options;
    if (headersFile === null) return;
    try {
      this.#headers = readHeaders(headersFile);
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** An answer that is none, or says nothing of it, is a success. */
function takenOf(text: string): Delivery {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  const partial = fieldOf(answer, "partialSuccess");
  const [rejected, message] = [fieldOf(partial, "rejectedLogRecords"), fieldOf(partial, "errorMessage")];
  const count = Number(rejected ?? 0);
  return {
    kind: "taken",
    rejected: Number.isSafeInteger(count) && count > 0 ? count : 0,
    message: typeof message === "string" ? message.slice(0, 200) : "",
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Seconds, or an instant. */
function waitOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), longestWait);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof DOMException && error.cause.name === "TimeoutError";
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const complaint = { asked: `read certificates from ${path}`, obstacle: reasonOf(error) };
    throw new ExportError("otlp", complaint, { cause: error });
  }
}
