import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError } from "#agent/api/errors.ts";
import { type TcpAddress, tcpAddressText } from "#agent/api/tcp-socket.ts";
import type { PageAccess } from "./access.ts";
import type { PageFiles } from "./files.ts";

/** What the page may do, whatever somebody manages to put into it: nothing but our own files, and our own server. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const headers: Readonly<Record<string, string>> = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/**
 * Stands before the routes of the page. Everybody on this machine can connect to a
 * loopback port, and every page in a browser can have requests sent there: only who has
 * opened a link of `weir ui` is let through, and only from the page itself.
 */
export class Front {
  readonly #access: PageAccess;
  readonly #files: PageFiles;
  /** What `Host` may say: another name that leads here is somebody's who wants to be taken for us. */
  readonly #hosts: ReadonlySet<string>;
  /** Cookies know no ports: each agent of a machine has its own. */
  readonly #cookie: string;

  constructor({ host, port }: TcpAddress, access: PageAccess, files: PageFiles) {
    this.#access = access;
    this.#files = files;
    const names = [host, "127.0.0.1", "::1"].map((address) => tcpAddressText({ host: address, port }));
    const all = [...names, `localhost:${port}`];
    this.#hosts = new Set(port === 80 ? [...all, ...all.map((name) => name.replace(/:80$/, ""))] : all);
    this.#cookie = `weir-ui-${port}`;
  }

  /** Answers what is the front's own. False: a route is to answer. @throws ApiError what is refused. */
  answers(request: IncomingMessage, response: ServerResponse): boolean {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const [path] = (request.url ?? "").split("?");
    const isReading = request.method === "GET" || request.method === "HEAD";
    const file = isReading ? this.#files.get(path ?? "") : undefined;
    this.#expectOwn(request, isReading, file !== undefined);
    if (file) {
      response.writeHead(200, { "content-type": file.type }).end(file.content);
      return true;
    }
    if (path === "/session" && request.method === "POST") {
      this.#open(request, response);
      return true;
    }
    if (cookiesOf(request, this.#cookie).some((session) => this.#access.isOpen(session))) return false;
    throw new ApiError("no-session", { asked: "show flows", obstacle: "nobody has let this browser in", remedy });
  }

  /** Refuses what a page of somebody else's may have sent. */
  #expectOwn({ headers }: IncomingMessage, isReading: boolean, isFile: boolean): void {
    const { host = "", origin } = headers;
    const refuse = (obstacle: string): never => {
      throw new ApiError("forbidden", { asked: "serve request", obstacle });
    };
    if (!this.#hosts.has(host.toLowerCase())) refuse("its Host is not this machine");
    if (origin === undefined ? !isReading : origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
      refuse("its Origin is not this page");
    }
    const site = headers["sec-fetch-site"];
    // A link elsewhere may lead to the page, and to nothing behind it; nothing else may come from there.
    const isVisit = isFile && headers["sec-fetch-mode"] === "navigate";
    if (site !== undefined && site !== "same-origin" && site !== "none" && !isVisit) {
      refuse("it comes from another site");
    }
  }

  #open(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#access.open(/^Bearer ([\w-]{1,128})$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    if (session === null) {
      const obstacle = "the link has been used, or is too old";
      throw new ApiError("no-session", { asked: "open page", obstacle, remedy });
    }
    const cookie = `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Strict`;
    response.writeHead(204, { "set-cookie": cookie }).end();
  }
}

const remedy = "ask for a new link: weir ui";

/** All of a name: who serves another port of this machine can have browsers send one of his before ours. */
function cookiesOf({ headers }: IncomingMessage, name: string): string[] {
  const cookies = (headers.cookie ?? "").split(";").map((cookie) => cookie.trim());
  return cookies.filter((cookie) => cookie.startsWith(`${name}=`)).map((cookie) => cookie.slice(name.length + 1));
}
