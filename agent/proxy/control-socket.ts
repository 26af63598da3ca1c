import { once } from "node:events";
import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";
import { ProxyError } from "./errors.ts";
import { PROXY_SOCKET, proxySocket, proxySocketOf } from "./messages.ts";

/** The socket at which a proxy is spoken to, and the link that says which proxy is the newest. */
export class ControlSocket {
  readonly #runDir: string;
  readonly #path: string;
  readonly #server: Server;

  private constructor(runDir: string, server: Server) {
    this.#runDir = runDir;
    this.#path = proxySocketOf(runDir, process.pid);
    this.#server = server;
  }

  /**
   * Listens, and is the newest from here on. Sockets of proxies that are dead go.
   *
   * @throws ProxyError `control`.
   */
  static async open(runDir: string, connected: (socket: Socket) => void): Promise<ControlSocket> {
    const control = new ControlSocket(runDir, createServer(connected));
    try {
      await removeDead(runDir);
      rmSync(control.#path, { force: true });
      // It is made within the call, and is nobody else's at any moment.
      const usual = process.umask(0o177);
      control.#server.listen(control.#path);
      process.umask(usual);
      await once(control.#server, "listening");
      const temporary = `${control.#path}.link`;
      rmSync(temporary, { force: true });
      symlinkSync(basename(control.#path), temporary);
      renameSync(temporary, proxySocket(runDir));
      return control;
    } catch (cause) {
      control.#server.close();
      throw new ProxyError("control", { asked: `listen at ${control.#path}`, obstacle: reasonOf(cause) }, { cause });
    }
  }

  /** Takes no more connections; those that there are stay. */
  close(): void {
    this.#server.close();
    rmSync(this.#path, { force: true });
    const link = proxySocket(this.#runDir);
    if (targetOf(link) === basename(this.#path)) rmSync(link, { force: true });
  }
}

function targetOf(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EINVAL")) return null;
    throw error;
  }
}

async function removeDead(runDir: string): Promise<void> {
  for (const name of readdirSync(runDir).filter((name) => PROXY_SOCKET.test(name))) {
    const path = join(runDir, name);
    const socket = connect(path);
    try {
      await once(socket, "connect");
    } catch (error) {
      if (isErrno(error, "ECONNREFUSED")) rmSync(path, { force: true });
    } finally {
      socket.destroy();
    }
  }
}
