import { serveHttp1 } from "#agent/proxy/http1/serve.ts";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import {
  END_HEADERS,
  END_STREAM,
  FrameType,
  PREFACE,
  SETTINGS,
  USUAL,
  frame,
  get,
} from "#test/agent/proxy/http2/raw-client.ts";
import { httpEnds } from "#test/support/fake-proxy.ts";
import { http1 } from "./http1-target.ts";
import type { MemorySocket } from "./memory-socket.ts";
import { type Outcome, type ProtocolTarget, describe } from "./protocol-target.ts";

const lines = (...text: readonly string[]): Buffer => Buffer.from(text.join("\r\n"), "latin1");

/** The server is the input. */
function serve(socket: MemorySocket): void {
  socket.on("error", () => {}).on("end", () => socket.end());
  socket.resume();
}

function answers({ records }: Outcome): string[] {
  return records.filter(({ kind }) => kind === "response").map(describe);
}

function faultOf(outcome: Outcome): string | null {
  const { length } = answers(outcome);
  return length > 2 ? `${length} answers to two requests` : null;
}

/** Answers of a server of HTTP/1.1: the client never gets more of them than it has asked for. */
export const http1Answers: ProtocolTarget = {
  handler: (connection) => serveHttp1(connection),
  ends: httpEnds({}),
  request: lines("GET /one HTTP/1.1", "Host: web", "", "", "HEAD /two HTTP/1.1", "Host: web", "", ""),
  seeds: [
    lines("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"),
    lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5", "hello", "0", "X-Sum: 1", "", ""),
    lines("HTTP/1.1 100 Continue", "", "HTTP/1.1 204 No Content", "", ""),
    lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "", "bytes"),
    lines("HTTP/1.0 200 OK", "", "up to the end"),
    lines("HTTP/1.1 304 Not Modified", "ETag: x", "", "HTTP/1.1 200 OK", "Content-Length: 0", "", ""),
  ],
  tokens: http1.tokens,
  serve,
  // Whether there is a second one depends on when the first is found to be wrong behind its head.
  decided: (outcome) => answers(outcome).slice(0, 1),
  fault: faultOf,
};

/** Frames of a server of HTTP/2. */
export const http2Answers: ProtocolTarget = {
  handler: (connection) => serveHttp2(connection),
  ends: httpEnds({}),
  request: Buffer.concat([PREFACE, SETTINGS, get(1), get(3)]),
  seeds: [
    Buffer.concat([
      SETTINGS,
      frame(FrameType.settings, 1, 0),
      frame(FrameType.headers, END_HEADERS, 1, Buffer.of(0x88)),
      frame(FrameType.data, END_STREAM, 1, Buffer.from("fine")),
      frame(FrameType.headers, END_HEADERS | END_STREAM, 3, Buffer.of(0x8d)),
    ]),
    Buffer.concat([
      SETTINGS,
      frame(FrameType.reset, 0, 1, Buffer.of(0, 0, 0, 7)),
      frame(FrameType.goaway, 0, 0, Buffer.alloc(8)),
    ]),
    Buffer.concat([
      SETTINGS,
      frame(5, END_HEADERS, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), get(2, USUAL).subarray(9)])),
    ]),
    lines("HTTP/1.1 400 Bad Request", "", ""),
  ],
  tokens: [
    SETTINGS,
    Buffer.of(0x88),
    frame(FrameType.headers, END_HEADERS, 1, Buffer.of(0x48, 3, 0x31, 0x30, 0x33)),
    frame(FrameType.goaway, 0, 0, Buffer.of(0, 0, 0, 1, 0, 0, 0, 2)),
    frame(FrameType.window, 0, 0, Buffer.of(0x7f, 0xff, 0xff, 0xff)),
    frame(FrameType.settings, 0, 0, Buffer.of(0, 8, 0, 0, 0, 1)),
    Buffer.of(0, 0, 0xff),
  ],
  serve,
  // Whether an answer is told of whose session fails with it depends on which is noticed first.
  decided: () => [],
  fault: faultOf,
};
