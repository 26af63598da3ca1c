import { getPackedSettings } from "node:http2";
import type { Socket } from "node:net";
import type { HttpOptions } from "../http-judgement.ts";
import type { ConnectionLimits, ProxiedConnection } from "../proxied-connection.ts";
import { sessionSettings } from "./session-options.ts";
import { SessionRelay } from "./session-relay.ts";
import { prepareUpgradedClient } from "./upgraded-client.ts";

/** Serves a client that begins with the preface of HTTP/2 (prior knowledge: RFC 9113, section 3.3). */
export async function serveHttp2(
  connection: ProxiedConnection,
  options: HttpOptions = { namesDenier: false },
): Promise<void> {
  await new SessionRelay(connection, options, null).closed();
}

/** A request of HTTP/1, without content, whose server has answered that the connection becomes one of HTTP/2. */
export interface UpgradingRequest {
  /** Has been asked with {@link upgradeSettings}. Paused; what came after the head of 101 has been put back. */
  readonly server: Socket;
  readonly isHead: boolean;
  /** Of the client's `HTTP2-Settings`, by `readUpgradeSettings`. */
  readonly settings: Buffer;
  /** Its answer begins, on stream 1. */
  answered(status: number): void;
  /** There will be none. */
  unanswered(): void;
}

/** What the proxy itself asks the server with, as `HTTP2-Settings`. */
export function upgradeSettings(limits: ConnectionLimits): string {
  return getPackedSettings(sessionSettings(limits)).toString("base64url");
}

/**
 * Serves a client that has been told 101 (RFC 7540, section 3.2): the request that asked for it, which has been judged, is
 * answered on stream 1, and further streams are judged each.
 */
export async function upgradeToHttp2(
  connection: ProxiedConnection,
  request: UpgradingRequest,
  options: HttpOptions,
): Promise<void> {
  const { client, limits } = connection;
  const { server } = request;
  // What follows, `close`, is what counts.
  server.on("error", ignore);
  const isReady = await prepareUpgradedClient(client, request, limits);
  if (isReady && !server.destroyed) await new SessionRelay(connection, options, request).closed();
  else {
    request.unanswered();
    client.destroy();
    server.destroy();
  }
}

function ignore(): void {}
