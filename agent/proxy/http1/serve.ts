import type { HttpOptions } from "../http-judgement.ts";
import { upgradeToHttp2 } from "../http2/serve-http2.ts";
import type { UpgradingRequest } from "../http2/serve-http2.ts";
import type { ProxiedConnection } from "../proxied-connection.ts";
import { Http1Session } from "./session.ts";

/**
 * Serves a client that speaks HTTP/1.0 or 1.1, until both sides are closed. Rejects only by a mistake of ours, and the
 * connection is closed then, too.
 */
export async function serveHttp1(
  connection: ProxiedConnection,
  options: HttpOptions = { namesDenier: false },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = {
    closed: (error: unknown) => (error === null ? resolve() : reject(error)),
    becameHttp2: (request: UpgradingRequest) => void upgradeToHttp2(connection, request, options).then(resolve, reject),
  };
  new Http1Session(connection, options, end).start();
  return promise;
}
