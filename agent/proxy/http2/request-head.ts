import type { OutgoingHttpHeaders } from "node:http2";
import { ASTERISK, NO_PATH, readTarget } from "#policy/l7/http-target.ts";
import type { HttpTarget } from "#policy/l7/http-target.ts";
import type { HeaderMutation, HttpRequest } from "#policy/l7/http.ts";
import type { ConnectionLimits } from "../proxied-connection.ts";

/** A request of HTTP/2 in its one reading, which is judged and forwarded. */
export interface RequestHead {
  readonly request: HttpRequest;
  /** Empty: of CONNECT. */
  readonly scheme: string;
  /** What an extended CONNECT is to become (RFC 8441); null: it is none. */
  readonly protocol: string | null;
  readonly isGrpc: boolean;
}

export type HeadReading =
  | { readonly ok: true; readonly head: RequestHead }
  | { readonly ok: false; readonly status: 400 | 431; readonly isGrpc: boolean };

/** Said once, or not at all: two of them could be read in two ways, and `node:http2` sends but one. */
const SINGLE = new Set(
  (
    "access-control-allow-credentials access-control-max-age access-control-request-method age authorization " +
    "content-encoding content-language content-length content-location content-md5 content-range content-type date dnt " +
    "etag expect expires from grpc-timeout host if-match if-modified-since if-none-match if-range if-unmodified-since " +
    "last-modified location max-forwards proxy-authorization range referer retry-after te tk upgrade-insecure-requests " +
    "user-agent x-content-type-options"
  ).split(" "),
);
/** Speak of one hop of HTTP/1 (RFC 9113, section 8.2.2). */
const HOP_BY_HOP = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** RFC 9110, section 5.5, as bytes in Latin-1. */
const FIELD_VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** Host and port, without a user: RFC 9113, section 8.3.1. */
const AUTHORITY = /^(?:[-\w.~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

/**
 * Reads the names and values, in turn, of a HEADERS frame. `node:http2` has refused what breaks RFC 9113, section 8.2
 * and 8.3; what is left to refuse is what servers could read in different ways.
 */
export function readHead(raw: readonly string[], limits: ConnectionLimits): HeadReading {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  const seen = new Set<string>();
  let [cookie, bytes, isFaulty] = ["", 0, false];
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i] ?? "", raw[i + 1] ?? ""];
    bytes += name.length + value.length;
    if (name.startsWith(":")) {
      isFaulty ||= pseudo.has(name);
      pseudo.set(name, value);
      continue;
    }
    isFaulty ||= !FIELD_NAME.test(name) || !FIELD_VALUE.test(value) || HOP_BY_HOP.has(name);
    isFaulty ||= (SINGLE.has(name) && seen.has(name)) || (name === "te" && value !== "trailers");
    seen.add(name);
    // Crumbs of one field: RFC 9113, section 8.2.3.
    if (name === "cookie") cookie += cookie === "" ? value : `; ${value}`;
    else fields.push(name, value);
  }
  if (cookie !== "") fields.push("cookie", cookie);
  const isGrpc = isGrpcType(fieldValue(fields, "content-type"));
  if (bytes > limits.headBytes || raw.length / 2 > limits.headFields) return { ok: false, status: 431, isGrpc };
  const head = isFaulty ? null : readPseudo(pseudo, fields, isGrpc);
  return head ? { ok: true, head } : { ok: false, status: 400, isGrpc };
}

function readPseudo(pseudo: ReadonlyMap<string, string>, fields: string[], isGrpc: boolean): RequestHead | null {
  const method = pseudo.get(":method") ?? "";
  const scheme = pseudo.get(":scheme") ?? "";
  const protocol = pseudo.get(":protocol") ?? null;
  const host = readHost(pseudo.get(":authority"), fields);
  const isTunnel = method === "CONNECT" && protocol === null;
  if (!TOKEN.test(method) || host === null) return null;
  if (isTunnel ? scheme !== "" || !/:\d+$/.test(host) : scheme !== "http" && scheme !== "https") return null;
  if (protocol !== null && (method !== "CONNECT" || !TOKEN.test(protocol))) return null;
  const target = isTunnel && !pseudo.has(":path") ? NO_PATH : readPath(method, pseudo.get(":path") ?? "");
  return target && { request: { method, host, target, fields }, scheme, protocol, isGrpc };
}

/** What `:authority` says; `Host` may say the same, or stand in for it. It is taken out of the fields. */
function readHost(authority: string | undefined, fields: string[]): string | null {
  const at = fields.findIndex((name, i) => i % 2 === 0 && name === "host");
  const [, host] = at < 0 ? [] : fields.splice(at, 2);
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return null;
  const said = authority ?? host ?? "";
  return AUTHORITY.test(said) ? said : null;
}

function readPath(method: string, path: string): HttpTarget | null {
  if (path === "*") return method === "OPTIONS" ? ASTERISK : null;
  return readTarget(path);
}

/** What is sent to the server: the head as it was judged, with the changes that the rules make. */
export function outgoingHead(head: RequestHead, mutations: readonly HeaderMutation[]): OutgoingHttpHeaders {
  const { request, scheme, protocol } = head;
  const { method, host, target } = request;
  const headers: OutgoingHttpHeaders = { __proto__: null } as never;
  headers[":method"] = method;
  headers[":authority"] = host;
  if (scheme !== "") headers[":scheme"] = scheme;
  if (target.path !== "") headers[":path"] = target.path + target.query;
  if (protocol !== null) headers[":protocol"] = protocol;
  for (let i = 0; i < request.fields.length; i += 2)
    addField(headers, request.fields[i] ?? "", request.fields[i + 1] ?? "");
  for (const mutation of mutations) {
    if (mutation.kind === "add") addField(headers, mutation.name, mutation.value);
    else if (mutation.kind === "set") headers[mutation.name] = mutation.value;
    else delete headers[mutation.name];
  }
  return headers;
}

function addField(headers: OutgoingHttpHeaders, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined || SINGLE.has(name)) headers[name] = value;
  else if (Array.isArray(before)) before.push(value);
  else headers[name] = [String(before), value];
}

/** Of fields: names and values in turn. */
export function fieldValue(fields: readonly string[], name: string): string | null {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1] ?? null;
  return null;
}

/** `application/grpc`, `application/grpc+proto`, ...: the types whose clients look for a status in trailers. */
function isGrpcType(type: string | null): boolean {
  return type !== null && /^application\/grpc(?:[+;]|$)/i.test(type);
}
