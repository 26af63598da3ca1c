import type { Socket } from "node:net";
import { type PeerCredentials, peerCredentials } from "#agent/net/peer-credentials.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ApiError } from "./errors.ts";
import type { PacedWarnings } from "./paced-warnings.ts";
import type { Route } from "./route.ts";
import type { Group } from "./socket-groups.ts";

const root = 0;

/** Who may use a socket, and how much of it. */
export interface GateOptions {
  /** Its members may, besides root. */
  readonly groups: readonly Group[];
  /** Whether nothing can be changed here. */
  readonly readOnly: boolean;
  /** Connections that one process may have at a time, and those of all users but root together. */
  readonly share: number;
}

/**
 * Looks at who has connected to a Unix socket, by the kernel's word. Nobody gets more than a
 * share of the connections, so that neither a program that has run wild nor all users together
 * can keep root's calls out: those of the container runtime are among them.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #warnings: PacedWarnings;
  readonly #callers = new WeakMap<Socket, PeerCredentials>();
  /** Open connections by process, and of all users but root. */
  readonly #open = new Map<number | "users", number>();

  constructor(options: GateOptions, warnings: PacedWarnings) {
    this.#options = options;
    this.#warnings = warnings;
  }

  /** Takes a new connection in, or closes it. */
  enter(socket: Socket): void {
    let caller: PeerCredentials;
    try {
      caller = peerCredentials(descriptorOf(socket));
    } catch (error) {
      // Also one that has gone already.
      this.#warnings.tell(`see who has connected: ${reasonOf(error)}`);
      socket.destroy();
      return;
    }
    const accounts = accountsOf(caller);
    const full = accounts.find((account) => (this.#open.get(account) ?? 0) >= this.#options.share);
    if (full !== undefined) {
      const whose = full === "users" ? "users other than root have" : `process ${full} (uid ${caller.uid}) has`;
      this.#warnings.tell(`take a connection: ${whose} ${this.#options.share} already; it is closed`);
      socket.destroy();
      return;
    }
    this.#callers.set(socket, caller);
    for (const account of accounts) this.#open.set(account, (this.#open.get(account) ?? 0) + 1);
    socket.once("close", () => {
      for (const account of accounts) this.#leave(account);
    });
  }

  /** Who has sent what comes by a connection; undefined: one that was not let in. */
  caller(socket: Socket): PeerCredentials | undefined {
    return this.#callers.get(socket);
  }

  /** @throws ApiError `forbidden` when the socket is not for that caller. */
  admit(caller: PeerCredentials | undefined): void {
    if (caller && this.#isWelcome(caller)) return;
    const names = [...new Set(this.#options.groups.map(({ name }) => name))].join(" or ");
    throw new ApiError("forbidden", {
      asked: "serve request",
      obstacle: `uid ${caller?.uid ?? "unknown"} is neither root nor in group ${names}`,
      remedy: "run as root, or become a member",
    });
  }

  /** @throws ApiError `forbidden` when nothing can be changed here and the route would. */
  allow({ method, path, changes }: Pick<Route<never>, "method" | "path" | "changes">): void {
    if (!changes || !this.#options.readOnly) return;
    throw new ApiError("forbidden", {
      asked: `${method} ${path}`,
      obstacle: "nothing can be changed on observe.sock",
      remedy: "use agent.sock, which is for root and members of the group weir",
    });
  }

  #isWelcome({ uid, gid, groups }: PeerCredentials): boolean {
    // Its own user, too, for an agent that is not root.
    if (uid === root || uid === process.geteuid?.()) return true;
    const welcome = this.#options.groups.map(({ id }) => id);
    return [gid, ...groups].some((id) => welcome.includes(id));
  }

  #leave(account: number | "users"): void {
    const left = (this.#open.get(account) ?? 0) - 1;
    if (left > 0) this.#open.set(account, left);
    else this.#open.delete(account);
  }
}

/** What a connection counts for. A process that is not in view cannot be told from others. */
function accountsOf({ pid, uid }: PeerCredentials): (number | "users")[] {
  return [...(pid === 0 ? [] : [pid]), ...(uid === root ? [] : (["users"] as const))];
}

/** Node keeps it to itself; -1, with which every call fails, when it has none. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
