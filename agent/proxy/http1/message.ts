import { Fields, readFieldLine, readTokens } from "./fields.ts";
import type { FieldLine } from "./fields.ts";

/** How a body ends: after so many bytes, with its last chunk, or with the connection. */
export type BodyLength = number | "chunked" | "close";

/** What a head says, beside its first line, to the next hop: taken out of the fields that go on. */
export interface Message {
  /** What goes on; framing, `Connection` and what it names are not among them. */
  readonly fields: Fields;
  /** Null: the head says nothing of a length. */
  readonly length: number | "chunked" | null;
  readonly isClosing: boolean;
  /** `Connection: keep-alive`, which HTTP/1.0 needs. */
  readonly isKeptAlive: boolean;
  /** Protocols that `Upgrade` offers, as written, if `Connection` names it; empty: none. */
  readonly upgrade: string;
  /** `HTTP2-Settings`, if `Connection` names it; empty: there is none, or several. */
  readonly http2Settings: string;
  /** All values of `Host`. */
  readonly hosts: readonly string[];
  /** `TE: trailers` */
  readonly takesTrailers: boolean;
}

/** Why a message is refused. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

interface Hop {
  length: number | null;
  isChunked: boolean;
  readonly hosts: string[];
  readonly connection: string[];
  upgrade: string;
  readonly http2Settings: string[];
  te: string;
}

const SPECIAL = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "upgrade",
  "host",
  "http2-settings",
]);
/** What `Connection` may not take out: the message would mean something else. */
const ESSENTIAL = new Set(["content-length", "transfer-encoding", "host", "content-type", "content-encoding"]);

/** Up to where fields are kept to be compared, in characters: each connection that is idle has them. */
const REMEMBERED = 1024;

/** Reads the fields of heads. On a connection that is kept many are those of the head before: these are not read again. */
export class MessageReader {
  readonly #fieldLimit: number;
  /** Of the last head, as a whole, and its lines. */
  #text: string | null = null;
  #message: Message | null = null;
  #lines: readonly string[] = [];
  #fieldLines: readonly FieldLine[] = [];

  constructor(fieldLimit: number) {
    this.#fieldLimit = fieldLimit;
  }

  /** @param text the lines of a head behind its first, without the end of the last */
  read(text: string): Message | Refusal {
    if (text === this.#text && this.#message !== null) return this.#message;
    const lines = text === "" ? [] : text.split("\r\n");
    if (lines.length > this.#fieldLimit) return new Refusal(`more than ${this.#fieldLimit} fields`);
    const fieldLines = this.#readLines(lines);
    const message = fieldLines instanceof Refusal ? fieldLines : readMessage(fieldLines);
    if (text.length > REMEMBERED || fieldLines instanceof Refusal || message instanceof Refusal) return message;
    this.#text = text;
    this.#message = message;
    this.#lines = lines;
    this.#fieldLines = fieldLines;
    return message;
  }

  #readLines(lines: readonly string[]): FieldLine[] | Refusal {
    const fieldLines: FieldLine[] = [];
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] as string;
      const fieldLine = line === this.#lines[i] ? (this.#fieldLines[i] as FieldLine) : readFieldLine(line);
      if (!fieldLine) return new Refusal("a line that is no field");
      fieldLines.push(fieldLine);
    }
    return fieldLines;
  }
}

function readMessage(lines: readonly FieldLine[]): Message | Refusal {
  const fields = new Fields();
  const hop: Hop = {
    length: null,
    isChunked: false,
    hosts: [],
    connection: [],
    upgrade: "",
    http2Settings: [],
    te: "",
  };
  for (const { written, name, value } of lines) {
    if (!SPECIAL.has(name)) {
      fields.add(written, name, value);
      continue;
    }
    const refusal = readSpecial(name, value, hop);
    if (refusal) return refusal;
    // Where it stands is kept: servers log it, and clients see whom they asked.
    if (name === "host") fields.add(written, name, value);
  }
  if (hop.isChunked && hop.length !== null) return new Refusal("Content-Length and Transfer-Encoding");
  return nominate(fields, hop);
}

function readSpecial(name: string, value: string, hop: Hop): Refusal | null {
  switch (name) {
    case "content-length":
      if (hop.length !== null) return new Refusal("several Content-Length");
      if (!/^\d{1,15}$/.test(value)) return new Refusal("a Content-Length that is none");
      hop.length = Number(value);
      return null;
    case "transfer-encoding":
      if (hop.isChunked || value.toLowerCase() !== "chunked") return new Refusal("an unknown Transfer-Encoding");
      hop.isChunked = true;
      return null;
    case "connection": {
      const tokens = readTokens(value);
      if (!tokens) return new Refusal("a Connection that is no list");
      hop.connection.push(...tokens);
      return null;
    }
    case "upgrade":
      hop.upgrade += hop.upgrade === "" ? value : `, ${value}`;
      return null;
    case "http2-settings":
      hop.http2Settings.push(value);
      return null;
    case "te":
      hop.te += `,${value}`;
      return null;
    case "host":
      hop.hosts.push(value);
      return null;
    default:
      return null;
  }
}

/** Takes out what `Connection` names (RFC 9110, section 7.6.1). */
function nominate(fields: Fields, hop: Hop): Message | Refusal {
  const { connection, http2Settings } = hop;
  for (const name of connection) if (ESSENTIAL.has(name)) return new Refusal(`Connection names ${name}`);
  const named = connection.filter((name) => !SPECIAL.has(name) && fields.has(name));
  return {
    fields: named.length === 0 ? fields : fields.without(new Set(named)),
    length: hop.isChunked ? "chunked" : hop.length,
    isClosing: connection.includes("close"),
    isKeptAlive: connection.includes("keep-alive"),
    upgrade: connection.includes("upgrade") ? hop.upgrade : "",
    http2Settings: (connection.includes("http2-settings") && http2Settings.length === 1 && http2Settings[0]) || "",
    hosts: hop.hosts,
    takesTrailers: hop.te !== "" && /,[ \t]*trailers[ \t]*(?:,|$)/i.test(hop.te),
  };
}
