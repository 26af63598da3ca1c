import type { Handler } from "../proxied-connection.ts";
import { SessionRelay } from "./session-relay.ts";

/** Serves a client that begins with the preface of HTTP/2 (prior knowledge: RFC 9113, section 3.3). */
export const serveHttp2: Handler = async (connection) => {
  await new SessionRelay(connection).closed();
};
