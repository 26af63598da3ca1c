import { Fields, readFieldLine, readTokens } from "./fields.ts";

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

/** Reads the fields of heads. On a connection that is kept many have the same: these are not read again. */
export class MessageReader {
  readonly #fieldLimit: number;
  #text: string | null = null;
  #message: Message | null = null;

  constructor(fieldLimit: number) {
    this.#fieldLimit = fieldLimit;
  }

  /** @param text the lines of a head behind its first, without the end of the last */
  read(text: string): Message | Refusal {
    if (text === this.#text && this.#message !== null) return this.#message;
    const message = readMessage(text, this.#fieldLimit);
    if (text.length <= REMEMBERED && !(message instanceof Refusal)) {
      this.#text = text;
      this.#message = message;
    }
    return message;
  }
}

function readMessage(text: string, fieldLimit: number): Message | Refusal {
  const lines = text === "" ? [] : text.split("\r\n");
  if (lines.length > fieldLimit) return new Refusal(`more than ${fieldLimit} fields`);
  const fields = new Fields();
  const hop: Hop = { length: null, isChunked: false, hosts: [], connection: [], upgrade: "", te: "" };
  for (const text of lines) {
    const line = readFieldLine(text);
    if (!line) return new Refusal("a line that is no field");
    const name = line.written.toLowerCase();
    if (!SPECIAL.has(name)) {
      fields.add(line.written, name, line.value);
      continue;
    }
    const refusal = readSpecial(name, line.value, hop);
    if (refusal) return refusal;
    // Where it stands is kept: servers log it, and clients see whom they asked.
    if (name === "host") fields.add(line.written, name, line.value);
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
  const { connection } = hop;
  for (const name of connection) if (ESSENTIAL.has(name)) return new Refusal(`Connection names ${name}`);
  const named = connection.filter((name) => !SPECIAL.has(name) && fields.has(name));
  return {
    fields: named.length === 0 ? fields : fields.without(new Set(named)),
    length: hop.isChunked ? "chunked" : hop.length,
    isClosing: connection.includes("close"),
    isKeptAlive: connection.includes("keep-alive"),
    upgrade: connection.includes("upgrade") ? hop.upgrade : "",
    hosts: hop.hosts,
    takesTrailers: /,[ \t]*trailers[ \t]*(?:,|$)/i.test(hop.te),
  };
}
