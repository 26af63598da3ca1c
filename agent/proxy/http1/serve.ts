import type { ProxiedConnection } from "../proxied-connection.ts";
import { Http1Session } from "./session.ts";
import type { Http1Options } from "./session.ts";

/**
 * Serves a client that speaks HTTP/1.0 or 1.1, until both sides are closed. Rejects only by a mistake of ours, and the
 * connection is closed then, too.
 */
export async function serveHttp1(
  connection: ProxiedConnection,
  options: Http1Options = { namesDenier: false },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClosed = (error: unknown) => (error === null ? resolve() : reject(error));
  new Http1Session(connection, options, onClosed).start();
  return promise;
}
