import { request as httpRequest } from "node:http";
import { PageAccess } from "#agent/ui/access.ts";
import { servePage } from "#agent/ui/server.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { freePort } from "#test/support/free-port.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

/** The page's real server, over an agent that is none. */
export class PageServer implements AsyncDisposable {
  readonly port: number;
  readonly access = new PageAccess();
  readonly #stack = new AsyncDisposableStack();

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<PageServer> {
    const server = new PageServer(await freePort());
    const live = {
      async *read(): AsyncGenerator<readonly never[]> {
        yield [];
      },
    };
    const address = { host: "127.0.0.1", port: server.port };
    server.#stack.use(await servePage(address, server.access, { ...fakePorts(), live }, { warn: () => {} }));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Headers are sent as they are given: a browser would not let a page do that. */
  ask(method: string, path: string, headers: Headers = {}, body?: unknown): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const text = body === undefined ? "" : JSON.stringify(body);
    const all = { ...headers, "content-length": String(Buffer.byteLength(text)) };
    const request = httpRequest(
      { host: "127.0.0.1", port: this.port, method, path, headers: all, agent: false },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (piece: string) => (body += piece));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    request.on("error", reject).end(text);
    return promise;
  }

  /** As the page does with the token of a link. */
  open(token: string, headers: Headers = {}): Promise<Answer> {
    return this.ask("POST", "/session", { origin: this.origin, authorization: `Bearer ${token}`, ...headers });
  }

  /** The cookie of somebody who has been let in. */
  async cookie(): Promise<string> {
    const { headers } = await this.open(this.access.issue().token);
    return String(headers["set-cookie"]).split(";")[0] ?? "";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
