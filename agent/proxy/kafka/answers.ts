import { limitVersions } from "./api-versions.ts";
import { FrameReader } from "./frame-reader.ts";
import { ApiKey, type BrokerRequest } from "./request.ts";

/** What a client waits for: an answer of the server's, or one that is there. */
type Awaited =
  | { readonly kind: "server"; readonly correlationId: number; readonly versionsOf: number | null }
  | { readonly kind: "own"; readonly frame: Buffer };

/** Of a server's answer to ApiVersions, in bytes; longer than any. */
const LONGEST_VERSIONS = 65_536;
/** Length and correlation id. */
const HEAD = 8;

/** Puts the answers of a server, and those that the proxy gives itself, into the order of the requests. */
export class Answers {
  readonly #awaited: Awaited[] = [];
  #bytes = 0;
  #head = Buffer.alloc(0);
  /** Of the server's current answer, bytes that are still to come. */
  #left = 0;
  /** Of one to ApiVersions, which is gathered as a whole. */
  #versions: { readonly reader: FrameReader; readonly version: number } | null = null;

  /** How many answers the client waits for. */
  get length(): number {
    return this.#awaited.length;
  }

  /** Of the proxy's own that wait for their turn. */
  get bytes(): number {
    return this.#bytes;
  }

  expect({ apiKey, apiVersion, correlationId }: BrokerRequest, isLimited: boolean): void {
    const versionsOf = apiKey === ApiKey.apiVersions && isLimited ? apiVersion : null;
    this.#awaited.push({ kind: "server", correlationId, versionsOf });
  }

  /** @returns what may go to the client now. */
  give(frame: Buffer): Buffer[] {
    this.#awaited.push({ kind: "own", frame });
    this.#bytes += frame.length;
    return this.#own();
  }

  /** @returns what may go to the client now; null: the server answers what nobody has asked. */
  fromServer(chunk: Buffer): Buffer[] | null {
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        const taken = chunk.subarray(at, at + HEAD - this.#head.length);
        at += taken.length;
        this.#head = Buffer.concat([this.#head, taken]);
        if (this.#head.length < HEAD) break;
        if (!this.#begin(this.#head, parts)) return null;
        this.#head = Buffer.alloc(0);
      }
      const content = chunk.subarray(at, at + this.#left);
      at += content.length;
      this.#left -= content.length;
      if (this.#versions) this.#versions.reader.add(content);
      else if (content.length > 0) parts.push(content);
      if (this.#left === 0) this.#end(parts);
    }
    return parts;
  }

  #begin(head: Buffer, parts: Buffer[]): boolean {
    const [first] = this.#awaited;
    const length = head.readInt32BE();
    if (first?.kind !== "server" || length < 4 || head.readInt32BE(4) !== first.correlationId) return false;
    this.#left = length - 4;
    if (first.versionsOf === null) parts.push(head);
    else if (length > LONGEST_VERSIONS) return false;
    else {
      this.#versions = { reader: new FrameReader(LONGEST_VERSIONS), version: first.versionsOf };
      this.#versions.reader.add(head);
    }
    return true;
  }

  #end(parts: Buffer[]): void {
    const frame = this.#versions?.reader.next();
    if (this.#versions && frame instanceof Buffer) {
      limitVersions(frame.subarray(4), this.#versions.version);
      parts.push(frame);
    }
    this.#versions = null;
    this.#awaited.shift();
    parts.push(...this.#own());
  }

  /** The proxy's own that are next. */
  #own(): Buffer[] {
    const parts: Buffer[] = [];
    for (let [first] = this.#awaited; first?.kind === "own"; [first] = this.#awaited) {
      parts.push(first.frame);
      this.#bytes -= first.frame.length;
      this.#awaited.shift();
    }
    return parts;
  }
}
