import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll } from "vitest";

export interface SeenRequest {
  /** `POST /path 3`: with the bytes of its body. */
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly trailers: IncomingMessage["trailers"];
  readonly body: string;
}

/** node:http as a server that keeps what it has understood. */
export class RecordingServer {
  readonly seen: SeenRequest[] = [];
  /** Answers instead of "ok"; the body has been read. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | null = null;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return this.port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      // The client has gone in the middle of the body: nothing was understood.
      return;
    }
    const body = Buffer.concat(pieces).toString("latin1");
    const { method, url, headers, rawHeaders, trailers } = request;
    this.seen.push({ text: `${method} ${url} ${body.length}`, headers, rawHeaders, trailers, body });
    if (this.answer) this.answer(request, response);
    else response.setHeader("Content-Length", 2).end("ok");
  }
}

/** One such server for a file, that forgets after each test. */
export function useRecordingServer(): { readonly server: RecordingServer; readonly port: () => Promise<number> } {
  const server = new RecordingServer();
  const started = Promise.withResolvers<number>();
  beforeAll(async () => started.resolve(await server.start()));
  afterEach(() => {
    server.seen.length = 0;
    server.answer = null;
  });
  afterAll(() => server.stop());
  return { server, port: async () => started.promise };
}
