import type { HeaderMutation } from "#policy/l7/http.ts";
import type { Fields } from "./fields.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";

/**
 * The head of a request as the server is to have it.
 *
 * @param http2Settings what we say of HTTP/2 where the connection may become such; else null.
 */
export function formatRequestHead(
  head: RequestHead,
  mutations: readonly HeaderMutation[],
  http2Settings: string | null,
): string {
  const { method, target, length, minor, upgrade } = head;
  const fields = mutations.length === 0 ? head.fields : head.fields.changed(mutations);
  const asked = method === "CONNECT" ? head.host : target.path + target.query;
  const framing = length === "chunked" ? "Transfer-Encoding: chunked\r\n" : contentLength(head, length);
  // HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it.
  const isUsual = head.isKeptAlive === (minor === 1);
  if (isUsual && upgrade === "" && !head.takesTrailers) {
    return `${method} ${asked} HTTP/1.${minor}\r\n${fields.format()}${framing}\r\n`;
  }
  const connection: string[] = [];
  if (!isUsual) connection.push(head.isKeptAlive ? "keep-alive" : "close");
  if (upgrade !== "") connection.push("Upgrade");
  if (head.takesTrailers) connection.push("TE");
  if (http2Settings !== null) connection.push("HTTP2-Settings");
  const settings = http2Settings === null ? "" : `HTTP2-Settings: ${http2Settings}\r\n`;
  const te = head.takesTrailers ? "TE: trailers\r\n" : "";
  return `${method} ${asked} HTTP/1.${minor}\r\n${fields.format()}${te}${settings}${framing}Connection: ${connection.join(", ")}\r\n\r\n`;
}

/** A length of 0 is said where servers expect one (RFC 9110, section 8.6). */
function contentLength({ method }: RequestHead, length: number): string {
  const isSaid = length > 0 || method === "POST" || method === "PUT" || method === "PATCH";
  return isSaid ? `Content-Length: ${length}\r\n` : "";
}

export interface AnswerFraming {
  /** Whether the client takes chunks; else its body ends with the connection. */
  readonly takesChunks: boolean;
  /** `close`, `keep-alive` for who has to be told; or nothing. */
  readonly connection: "close" | "keep-alive" | "";
}

/** The head of an answer as the client is to have it. */
export function formatResponseHead(head: ResponseHead, { takesChunks, connection }: AnswerFraming): string {
  const { code, reason, fields, length } = head;
  let text = `HTTP/1.1 ${code} ${reason}\r\n${fields.format()}`;
  if (code >= 200 && code !== 204) {
    if (length === "chunked") text += takesChunks ? "Transfer-Encoding: chunked\r\n" : "";
    else if (length !== null) text += `Content-Length: ${length}\r\n`;
  }
  // What a server offers beside (RFC 9110, section 7.8) would only be asked for to be taken out of the request.
  const upgrade = code === 101 || code === 426 ? head.upgrade : "";
  if (upgrade !== "") text += `Upgrade: ${upgrade}\r\nConnection: Upgrade\r\n`;
  if (connection !== "") text += `Connection: ${connection}\r\n`;
  return `${text}\r\n`;
}

/** A piece of a chunked body (RFC 9112, section 7.1). */
export function formatChunkHead(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

export function formatLastChunk(trailers: Fields): string {
  return `0\r\n${trailers.format()}\r\n`;
}
