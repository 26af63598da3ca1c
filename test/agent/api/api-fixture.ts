import { request as httpRequest } from "node:http";
import { ApiClient } from "#agent/api/client.ts";
import type { Ports } from "#agent/api/ports.ts";
import type { ChangeRequest, ServedRequest } from "#agent/api/handler.ts";
import { allRoutes } from "#agent/api/routes.ts";
import { defaultLimits, serveSockets, type ServerLimits } from "#agent/api/server.ts";
import type { SocketGroups } from "#agent/api/socket-groups.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { fakePorts } from "./fake-ports.ts";

const noGroup = { name: "weir", id: undefined };

/** The real server, on its real sockets, over an agent that is none. */
export class ApiFixture implements AsyncDisposable {
  readonly runDir: string;
  readonly socket: string;
  readonly client: ApiClient;
  /** What the server complained about. */
  readonly warnings: string[] = [];
  /** Requests that are over. */
  readonly served: ServedRequest[] = [];
  /** Those of them that were to change something. */
  readonly changed: ChangeRequest[] = [];
  readonly #stack = new AsyncDisposableStack();

  private constructor() {
    this.runDir = this.#stack.use(new TemporaryFolder()).path;
    this.socket = `${this.runDir}/agent.sock`;
    this.client = new ApiClient(this.socket);
  }

  static async start(
    changes: Partial<Ports> = {},
    limits: Partial<ServerLimits> = {},
    groups: SocketGroups = { full: noGroup, observe: noGroup },
  ): Promise<ApiFixture> {
    const fixture = new ApiFixture();
    const warn = (message: string): void => void fixture.warnings.push(message);
    const served = (request: ServedRequest): void => void fixture.served.push(request);
    const changed = (request: ChangeRequest): void => void fixture.changed.push(request);
    const server = serveSockets(
      fixture.runDir,
      allRoutes,
      fakePorts(changes),
      { warn, served, changed },
      {
        groups,
        limits: { ...defaultLimits, ...limits },
      },
    );
    fixture.#stack.use(await server);
    fixture.warnings.length = 0; // a machine may lack the group
    return fixture;
  }

  /** A request as anybody might send it. */
  request(
    method: string,
    path: string,
    body?: string | Buffer,
    socket = "agent.sock",
  ): Promise<{ status: number; body: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = httpRequest(
      { socketPath: `${this.runDir}/${socket}`, method, path, agent: false, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on("error", reject);
    request.end(body);
    return promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** All that an iterable brings. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** The code of an error's body. */
export function codeOf(body: string): string {
  return (JSON.parse(body) as { error: { code: string } }).error.code;
}
