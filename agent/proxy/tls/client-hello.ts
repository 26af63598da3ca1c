/** What a TLS client says first (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2). */
export interface ClientHello {
  /**
   * The name that it asks for, as it is written (RFC 6066, section 3); null: it asks for none. Where it
   * offers an encrypted hello beside this one, this is the outer name: nobody but its server can read the inner one.
   */
  readonly serverName: string | null;
}

/** The text says what is wrong. */
export type HelloParse = { readonly hello: ClientHello } | { readonly fault: string };

const SERVER_NAME = 0;
const HOST_NAME = 0;
const RANDOM = 32;
const MAX_SESSION_ID = 32;
/** Of a DNS name as text (RFC 1035, section 2.3.4); a dot at the end is no part of it. */
const LONGEST_NAME = 253;
const NAME = /^[-a-z0-9_]{1,63}(\.[-a-z0-9_]{1,63})*\.?$/i;

class Fault extends Error {}

/** @param body The message without its header. Whatever is against the specification makes it unreadable. */
export function parseClientHello(body: Buffer): HelloParse {
  try {
    return { hello: { serverName: readServerName(new Fields(body)) } };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    throw error;
  }
}

function readServerName(hello: Fields): string | null {
  if (hello.number(1) !== 3) throw new Fault("is of no version of TLS");
  hello.number(1);
  hello.take(RANDOM);
  if (hello.vector(1).left > MAX_SESSION_ID) throw new Fault("has a session that is too long");
  const suites = hello.vector(2).left;
  if (suites < 2 || suites % 2 !== 0) throw new Fault("has no list of cipher suites");
  if (hello.vector(1).left === 0) throw new Fault("has no compression methods");
  // Before TLS 1.2 there need be none.
  if (hello.left === 0) return null;
  const extensions = hello.vector(2);
  hello.expectEnd();
  const seen = new Set<number>();
  let serverName: string | null = null;
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (seen.has(type)) throw new Fault(`has the extension ${type} twice`);
    seen.add(type);
    if (type === SERVER_NAME) serverName = readName(content);
  }
  return serverName;
}

/** The list is made for several names of several types; all that there has ever been is one host name. */
function readName(extension: Fields): string {
  const list = extension.vector(2);
  extension.expectEnd();
  if (list.number(1) !== HOST_NAME) throw new Fault("asks for a name that is no host's");
  const bytes = list.vector(2).rest();
  if (list.left > 0) throw new Fault("asks for several names");
  const name = bytes.toString("latin1");
  if (!NAME.test(name) || name.replace(/\.$/, "").length > LONGEST_NAME)
    throw new Fault("asks for what is no DNS name");
  return name;
}

/** Reads numbers and vectors (RFC 8446, section 3) from front to end. Network byte order. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new Fault("is shorter than it says");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(size: 1 | 2): number {
    return this.take(size).readUIntBE(0, size);
  }

  /** @param size of the length before it. */
  vector(size: 1 | 2): Fields {
    return new Fields(this.take(this.number(size)));
  }

  rest(): Buffer {
    return this.take(this.left);
  }

  expectEnd(): void {
    if (this.left > 0) throw new Fault("is longer than it says");
  }
}
