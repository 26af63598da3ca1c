import type { ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";

/** What the proxy itself answers. */
export type LocalAnswer = 400 | 403 | 431 | 502;

/** As clients of gRPC would have it: https://grpc.io/docs/guides/status-codes. */
const GRPC: Readonly<Record<LocalAnswer, { readonly status: number; readonly message: string }>> = {
  400: { status: 3, message: "malformed request" },
  403: { status: 7, message: "denied by policy" },
  431: { status: 8, message: "request head too large" },
  502: { status: 14, message: "no HTTP/2 server could be reached" },
};

const BODY: Readonly<Record<LocalAnswer, string>> = {
  400: "Bad request\r\n",
  403: "Access denied\r\n",
  431: "Request header fields too large\r\n",
  502: "Bad gateway\r\n",
};

/**
 * Answers in the stead of the server, and asks the client not to send the rest of its request.
 *
 * @param more headers.
 */
export function answerLocally(
  stream: ServerHttp2Stream,
  status: LocalAnswer,
  isGrpc: boolean,
  more: Readonly<Record<string, string>> = {},
): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  if (isGrpc) {
    const { status: code, message } = GRPC[status];
    const head = {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": code,
      "grpc-message": message,
      ...more,
    };
    stream.respond(head, { endStream: true, sendDate: false } as never);
  } else {
    const body = BODY[status];
    stream.respond({ ":status": status, "content-type": "text/plain", "content-length": body.length, ...more });
    stream.end(body);
  }
  // RFC 9113, section 8.1: the answer is complete, the request need not be.
  stream.close(constants.NGHTTP2_NO_ERROR);
}
