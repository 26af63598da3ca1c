import type { UpgradingRequest } from "../http2/serve-http2.ts";

/**
 * What is done with the client's next bytes: `head` begins a request, `body` goes to the server, `discard` is the body of a
 * request that was answered, `tunnel` is no HTTP any more. In `connecting` and `waiting` they are held until the
 * request before is answered: so answers come in order, and a denied request has its own.
 */
export type Phase = "head" | "connecting" | "body" | "discard" | "waiting" | "tunnel" | "closing";

/** Who goes on with a connection. */
export interface SessionEnd {
  /** @param error what was thrown, if something was: a mistake of ours. */
  closed(error: unknown): void;
  becameHttp2(request: UpgradingRequest): void;
}
