import { ASTERISK, NO_PATH, readTarget } from "#policy/l7/http-target.ts";
import type { HttpTarget } from "#policy/l7/http-target.ts";
import { readUpgradeSettings } from "../http2/upgraded-client.ts";
import { hasControls, isToken } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { MessageReader, Refusal } from "./message.ts";
import type { Message } from "./message.ts";

/** A request's head, as it is judged and forwarded. */
export interface RequestHead {
  readonly method: string;
  readonly target: HttpTarget;
  /** As it came; only to be shown. */
  readonly rawTarget: string;
  readonly host: string;
  /** Of HTTP/1. */
  readonly minor: 0 | 1;
  readonly fields: Fields;
  /** Of its body. */
  readonly length: number | "chunked";
  /** Whether the client wants to ask again on this connection. */
  readonly isKeptAlive: boolean;
  /** What the connection is to become; empty: it stays what it is. */
  readonly upgrade: string;
  /** What the client says of HTTP/2 where {@link upgrade} is `h2c`; else null. */
  readonly http2Settings: Buffer | null;
  readonly expectsContinue: boolean;
  readonly takesTrailers: boolean;
}

/** In bytes, as servers have it. */
const LONGEST_TARGET = 8192;
const LONGEST_METHOD = 32;
/** Up to where a head is kept to be compared, in characters: who asks the same again is not read again. */
const REMEMBERED = 1024;
const REQUEST_LINE = /^([^ ]+) ([^ ]+) HTTP\/1\.([01])$/;
/** A name or address, and a port (RFC 3986, section 3.2, without what no server is called by). */
const HOST = /^(?:[\w.~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i;
/** What would make of the connection one whose requests nobody judges. */
const UNSEEN_PROTOCOL = /^(?:h2c?|http(?:\/.*)?|tls(?:\/.*)?)$/i;

const HTTP2 = "h2c";

/** Reads the heads of one connection's requests. */
export class RequestHeadReader {
  readonly #messages: MessageReader;
  #text: string | null = null;
  #head: RequestHead | null = null;

  constructor(fieldLimit: number) {
    this.#messages = new MessageReader(fieldLimit);
  }

  /** @param text in Latin-1, from the first line to before the empty one */
  read(text: string): RequestHead | Refusal {
    if (text === this.#text && this.#head !== null) return this.#head;
    const end = text.indexOf("\r\n");
    const line = end < 0 ? text : text.slice(0, end);
    const head = readRequest(line, this.#messages.read(end < 0 ? "" : text.slice(end + 2)));
    if (text.length <= REMEMBERED && !(head instanceof Refusal)) {
      this.#text = text;
      this.#head = head;
    }
    return head;
  }
}

function readRequest(line: string, message: Message | Refusal): RequestHead | Refusal {
  const [, method = "", rawTarget = "", minor] = REQUEST_LINE.exec(line) ?? [];
  if (!isToken(method) || method.length > LONGEST_METHOD || hasControls(rawTarget)) {
    return new Refusal("a request line that is none");
  }
  if (rawTarget.length > LONGEST_TARGET) return new Refusal(`a target of more than ${LONGEST_TARGET} bytes`);
  if (message instanceof Refusal) return message;
  const isOld = minor === "0";
  const hostFault = checkHosts(message.hosts, isOld);
  if (hostFault) return hostFault;
  const target = readAnyTarget(method, rawTarget, message.hosts[0] ?? null);
  if (target instanceof Refusal) return target;
  return assemble(method, rawTarget, isOld ? 0 : 1, target, message);
}

function checkHosts(hosts: readonly string[], isOld: boolean): Refusal | null {
  if (hosts.length > 1) return new Refusal("several Host");
  const [host] = hosts;
  if (host === undefined) return isOld ? null : new Refusal("no Host");
  return HOST.test(host) ? null : new Refusal("a Host that is none");
}

/** The four forms of RFC 9112, section 3.2. */
function readAnyTarget(
  method: string,
  text: string,
  host: string | null,
): { readonly target: HttpTarget; readonly host: string } | Refusal {
  if (method === "CONNECT") {
    const names = HOST.test(text) && /:\d+$/.test(text);
    if (!names || (host !== null && !isSameHost(host, text))) return new Refusal("a target of CONNECT that is none");
    return { target: NO_PATH, host: text };
  }
  if (text === "*") return method === "OPTIONS" ? { target: ASTERISK, host: host ?? "" } : new Refusal("target *");
  const absolute = ABSOLUTE.exec(text);
  const [, authority, rest = text] = absolute ?? [];
  if (authority !== undefined && (host === null || !isSameHost(authority, host))) {
    return new Refusal("a target that disagrees with Host");
  }
  const isBare = authority !== undefined && !rest.startsWith("/");
  const target = readTarget(isBare ? `/${rest}` : rest);
  return target ? { target, host: host ?? "" } : new Refusal("a path that servers read differently");
}

function isSameHost(one: string, other: string): boolean {
  const plain = (host: string) => host.toLowerCase().replace(/:80$/, "");
  return plain(one) === plain(other);
}

function assemble(
  method: string,
  rawTarget: string,
  minor: 0 | 1,
  { target, host }: { readonly target: HttpTarget; readonly host: string },
  message: Message,
): RequestHead | Refusal {
  const { fields, length } = message;
  if (length === "chunked" && minor === 0) return new Refusal("chunks in HTTP/1.0");
  const hasBody = length === "chunked" || (length ?? 0) > 0;
  const http2Settings = minor === 1 && !hasBody && method !== "CONNECT" ? offeredHttp2(message) : null;
  const others = minor === 1 ? offered(message.upgrade) : "";
  const upgrade = http2Settings === null ? others : HTTP2;
  if (hasBody && (upgrade !== "" || method === "CONNECT")) return new Refusal("a body before other bytes");
  const expectsContinue = expectation(fields);
  if (expectsContinue === null) return new Refusal("an expectation that is not 100-continue");
  return {
    method,
    target,
    rawTarget,
    host,
    minor,
    fields: judgedFields(fields, minor, upgrade),
    length: length ?? 0,
    isKeptAlive: minor === 1 ? !message.isClosing : message.isKeptAlive && !message.isClosing,
    upgrade,
    http2Settings,
    expectsContinue: expectsContinue && minor === 1 && hasBody,
    takesTrailers: message.takesTrailers,
  };
}

/** RFC 7540, section 3.2: HTTP/2 and nothing else, with its settings. */
function offeredHttp2({ upgrade, http2Settings }: Message): Buffer | null {
  return upgrade.toLowerCase() === HTTP2 ? readUpgradeSettings(http2Settings) : null;
}

/** Without protocols in which further requests would go unseen: a server that is not offered them goes on as before. */
function offered(upgrade: string): string {
  if (upgrade === "") return "";
  const protocols = upgrade.split(",").map((protocol) => protocol.trim());
  return protocols.filter((protocol) => protocol !== "" && !UNSEEN_PROTOCOL.test(protocol)).join(", ");
}

/** HTTP/1.0 knows no expectations; of the protocols that are offered rules may ask. */
function judgedFields(fields: Fields, minor: 0 | 1, upgrade: string): Fields {
  if (upgrade === "") return minor === 0 && fields.has("expect") ? fields.without(new Set(["expect"])) : fields;
  const judged = fields.changed([]);
  judged.add("Upgrade", "upgrade", upgrade);
  return judged;
}

/** Null: something is expected that nobody knows. */
function expectation(fields: Fields): boolean | null {
  let isThere = false;
  for (let i = 0; i < fields.flat.length; i += 2) {
    if (fields.flat[i] !== "expect") continue;
    if (fields.flat[i + 1]?.toLowerCase() !== "100-continue") return null;
    isThere = true;
  }
  return isThere;
}
