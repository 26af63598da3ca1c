import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

type ResponseHead = IncomingHttpHeaders & IncomingHttpStatusHeader;

export interface RelayEvents {
  /** Those of the request, which may have come already. */
  readonly trailers: () => IncomingHttpHeaders;
  /** The server's answer begins. */
  answered(status: number, head: IncomingHttpHeaders): void;
  /** There will be none: the server, or the way to it, is gone. What is answered instead. */
  unanswered(): void;
  /** Whether the connection to the server is over, so that streams end for no reason of their own. */
  isServerGone(): boolean;
}

/**
 * Passes on between a stream of the client and one to the server: content at the pace of the slower end, heads that
 * come before the answer (RFC 9110, section 15.2), trailers, and resets with their codes.
 */
export function relayStream(client: ServerHttp2Stream, server: ClientHttp2Stream, events: RelayEvents): void {
  let isAnswered = false;
  sendTrailers(server, events.trailers);
  sendTrailers(client, keepTrailers(server));
  client.pipe(server);
  server.on("headers", (head: ResponseHead) => {
    if (isOpen(client) && !client.headersSent && head[":status"] !== 101)
      attempt(client, () => client.additionalHeaders({ ...head }));
  });
  server.once("response", (head: ResponseHead, flags: number) => {
    isAnswered = true;
    events.answered(head[":status"] ?? 0, head);
    if (!isOpen(client)) return;
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    attempt(client, () =>
      client.respond({ ...head }, { endStream, waitForTrailers: !endStream, sendDate: false } as never),
    );
    if (client.writableEnded) server.resume();
    else server.pipe(client);
  });
  client.once("close", () => {
    if (isOpen(server) && (client.rstCode !== NGHTTP2_NO_ERROR || !client.readableEnded)) {
      server.close(client.rstCode || NGHTTP2_CANCEL);
    }
  });
  server.once("close", () => {
    if (!isOpen(client)) return;
    const { rstCode, readableEnded } = server;
    if (!isAnswered && (events.isServerGone() || rstCode === NGHTTP2_NO_ERROR)) events.unanswered();
    else if (rstCode !== NGHTTP2_NO_ERROR || !readableEnded) client.close(rstCode || NGHTTP2_INTERNAL_ERROR);
    // RFC 9113, section 8.1: the server wants no more of the request.
    else if (!client.readableEnded) closeAfterTrailers(client);
  });
  // Whoever fails is closed, too: all that is to be done is done there.
  client.on("error", ignore);
  server.on("error", ignore);
}

/**
 * Keeps a stream's trailers, from now on. They come before the end of what they follow, so they are there when the
 * other side asks for them.
 */
export function keepTrailers(stream: ServerHttp2Stream | ClientHttp2Stream): () => IncomingHttpHeaders {
  let trailers: IncomingHttpHeaders = {};
  stream.once("trailers", (fields: IncomingHttpHeaders) => {
    trailers = fields;
  });
  return () => trailers;
}

function sendTrailers(stream: ServerHttp2Stream | ClientHttp2Stream, trailers: () => IncomingHttpHeaders): void {
  stream.once("wantTrailers", () => attempt(stream, () => stream.sendTrailers({ ...trailers() })));
}

function closeAfterTrailers(client: ServerHttp2Stream): void {
  const close = (): void => {
    // What `sendTrailers` has asked for goes first.
    setImmediate(() => client.close(NGHTTP2_NO_ERROR));
  };
  if (client.writableFinished) close();
  else client.once("finish", close);
}

/** What `node:http2` will not send, e.g. a field that is forbidden, ends the stream. */
function attempt(stream: ServerHttp2Stream | ClientHttp2Stream, send: () => void): void {
  try {
    send();
  } catch {
    stream.close(NGHTTP2_INTERNAL_ERROR);
  }
}

function isOpen(stream: ServerHttp2Stream | ClientHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

function ignore(): void {}
