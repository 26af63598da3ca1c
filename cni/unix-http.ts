import { closeSync } from "node:fs";

import { Errno, libc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;

/** An answer longer than this is not one of ours. */
const answerLimit = 1024 * 1024;

export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * - `unreachable`: nobody took the connection, so nothing was asked.
 * - `no-answer`: the request may have been heard, and may have been done.
 */
export class HttpError extends Error {
  readonly code: "unreachable" | "no-answer";

  constructor(code: "unreachable" | "no-answer", message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * One HTTP/1.1 request over a Unix socket, in blocking system calls. A process that lives
 * for milliseconds has no use for an event loop: `node:http` takes longer to load than the
 * rest of an ADD, and `fetch`, as quick as this, does not tell whether a request was sent.
 *
 * @param timeout milliseconds that each system call may wait.
 * @throws HttpError.
 */
export function askUnixSocket(socketPath: string, request: HttpRequest, timeout: number): HttpAnswer {
  const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new HttpError("unreachable", `errno ${-fd} making a socket`);
  try {
    // struct timeval, on 64-bit machines.
    const timeval = BigInt64Array.of(BigInt(Math.floor(timeout / 1000)), BigInt((timeout % 1000) * 1000));
    libc().setOption(fd, SOL_SOCKET, SO_RCVTIMEO, timeval);
    libc().setOption(fd, SOL_SOCKET, SO_SNDTIMEO, timeval);
    connect(fd, socketPath);
    sendAll(fd, encode(request));
    return parseAnswer(receiveAll(fd));
  } finally {
    closeSync(fd);
  }
}

/** struct sockaddr_un: {u16 family, path of at most 107 bytes, NUL}. */
function connect(fd: number, path: string): void {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > 107) throw new HttpError("unreachable", `the path has ${bytes.length} bytes, at most 107 go`);
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  const result = libc().connect(fd, address);
  if (result === -Errno.ENOENT) throw new HttpError("unreachable", "there is no such socket");
  if (result === -Errno.ECONNREFUSED) throw new HttpError("unreachable", "nobody listens");
  if (result < 0) throw new HttpError("unreachable", `errno ${-result} connecting`);
}

function encode({ method, path, body }: HttpRequest): Uint8Array {
  const content = body === undefined ? "" : JSON.stringify(body);
  const head = [`${method} ${path} HTTP/1.1`, "Host: weir", "Connection: close"];
  if (body !== undefined) {
    head.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(content)}`);
  }
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${content}`);
}

function sendAll(fd: number, bytes: Uint8Array): void {
  let sent = 0;
  while (sent < bytes.length) {
    const result = libc().send(fd, bytes.subarray(sent));
    if (result === -Errno.EINTR) continue;
    if (result < 0) throw new HttpError("no-answer", `errno ${-result} sending`);
    sent += result;
  }
}

/** Everything until the other side closes. */
function receiveAll(fd: number): Uint8Array {
  let buffer = new Uint8Array(16 * 1024);
  let length = 0;
  for (;;) {
    const result = libc().receive(fd, buffer.subarray(length), 0);
    if (result === -Errno.EINTR) continue;
    if (result === -Errno.EAGAIN) throw new HttpError("no-answer", "it did not answer in time");
    if (result < 0) throw new HttpError("no-answer", `errno ${-result} receiving`);
    if (result === 0) return buffer.subarray(0, length);
    length += result;
    if (length > answerLimit) throw new HttpError("no-answer", "its answer does not end");
    if (length < buffer.length) continue;
    const grown = new Uint8Array(buffer.length * 2);
    grown.set(buffer);
    buffer = grown;
  }
}

function parseAnswer(bytes: Uint8Array): HttpAnswer {
  const headEnd = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("\r\n\r\n");
  const [statusLine = "", ...headers] = new TextDecoder().decode(bytes.subarray(0, Math.max(headEnd, 0))).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (headEnd < 0 || status === undefined) throw new HttpError("no-answer", "its answer is no HTTP");
  const content = bytes.subarray(headEnd + 4);
  const fields = new Map(headers.map((line) => splitHeader(line)));
  if (fields.get("transfer-encoding")?.toLowerCase() === "chunked") {
    return { status: Number(status), body: joinChunks(content) };
  }
  const length = Number(fields.get("content-length") ?? content.length);
  if (length !== content.length) throw new HttpError("no-answer", "its answer was cut short");
  return { status: Number(status), body: new TextDecoder().decode(content) };
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** Joins a chunked body: each chunk is {size in hexadecimal, CRLF, bytes, CRLF}; the last is empty. */
function joinChunks(bytes: Uint8Array): string {
  const decoder = new TextDecoder();
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let body = "";
  let offset = 0;
  for (;;) {
    const lineEnd = source.indexOf("\r\n", offset);
    const size = Number.parseInt(source.toString("latin1", offset, Math.max(lineEnd, offset)), 16);
    const start = lineEnd + 2;
    if (lineEnd < 0 || !(size >= 0) || start + size > bytes.length) {
      throw new HttpError("no-answer", "its answer was cut short");
    }
    if (size === 0) return body + decoder.decode();
    body += decoder.decode(bytes.subarray(start, start + size), { stream: true });
    offset = start + size + 2;
  }
}
