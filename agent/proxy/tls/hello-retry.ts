import { GatheredBytes } from "../gathered-bytes.ts";
import { HelloReader, LONGEST_HELLO } from "./hello-reader.ts";
import { ContentType, RECORD_HEADER, RecordReader } from "./records.ts";

/** `random` of a ServerHello that asks for another hello: SHA-256 of `HelloRetryRequest` (RFC 8446, section 4.1.3). */
const RETRY_RANDOM = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
/** Of a ServerHello: type and length of the message, version. */
const BEFORE_RANDOM = 6;
const SERVER_HELLO = 2;

const NOTHING = Buffer.alloc(0);

/**
 * Watches a connection from behind the client's hello until it is known that no second one follows in the open. A server may ask
 * for a second hello (HelloRetryRequest), and some then go by the name in that: so it must be the first one's. It may
 * come before the server has asked; whether a record of the handshake is a hello, or has been encrypted already, only
 * the server's answer tells. So such records wait for it, as honest clients do. All others pass.
 */
export class HelloRetryWatch {
  readonly #serverName: string;
  readonly #serverRecords = new RecordReader();
  #answer: Buffer = NOTHING;
  /** Null: the server has not answered. */
  #isRetry: boolean | null = null;
  readonly #hello = new HelloReader();
  /** Of the client, what has not passed. */
  readonly #held = new GatheredBytes();
  /** So much of that the second hello's reader has. */
  #read = 0;
  /** Bytes of the client's current record that are still to pass. */
  #passing = 0;
  #state: "watching" | "over" | "refused" = "watching";

  /** @param serverName of the first hello. */
  constructor(serverName: string) {
    this.#serverName = serverName;
  }

  /** `over`: everything passes from now on. `refused`: the client asks for another name, or for one that cannot be read. */
  get state(): "watching" | "over" | "refused" {
    return this.#state;
  }

  /** @returns what may go to the server now. */
  fromClient(chunk: Buffer): Buffer {
    this.#held.add(chunk);
    return this.#pass();
  }

  /** All that the server says may go to the client. @returns what may go to the server now. */
  fromServer(chunk: Buffer): Buffer {
    if (this.#isRetry !== null) return NOTHING;
    for (const { type, content } of this.#serverRecords.read(chunk)) {
      this.#answer = Buffer.concat([this.#answer, content]);
      const random = this.#answer.subarray(BEFORE_RANDOM, BEFORE_RANDOM + RETRY_RANDOM.length);
      const isHello = type === ContentType.handshake && (this.#answer[0] ?? SERVER_HELLO) === SERVER_HELLO;
      if (isHello && random.length < RETRY_RANDOM.length) continue;
      this.#isRetry = isHello && random.equals(RETRY_RANDOM);
      return this.#pass();
    }
    return NOTHING;
  }

  #pass(): Buffer {
    if (this.#isRetry === false) this.#state = "over";
    const end = this.#state === "watching" ? this.#findHandshake() : 0;
    if (this.#state === "watching" && this.#held.bytes[end] === ContentType.handshake) this.#judge(end);
    return this.#held.take(this.#state === "over" ? this.#held.length : end);
  }

  /** The place of the first record that may not pass yet, or whose type and length are not known. */
  #findHandshake(): number {
    const { bytes } = this.#held;
    let at = 0;
    for (;;) {
      const size = Math.min(this.#passing, bytes.length - at);
      this.#passing -= size;
      at += size;
      if (bytes.length - at < RECORD_HEADER || bytes[at] === ContentType.handshake) return at;
      this.#passing = RECORD_HEADER + bytes.readUInt16BE(at + 3);
    }
  }

  /** @param begin The place of a record of the handshake, which what is held ends with. */
  #judge(begin: number): void {
    const bytes = this.#held.bytes.subarray(begin);
    if (this.#isRetry === null) {
      if (bytes.length > LONGEST_HELLO) this.#state = "refused";
      return;
    }
    const reading = this.#hello.read(bytes.subarray(this.#read));
    this.#read = bytes.length;
    if (reading.state === "more") return;
    const isSame = reading.state === "read" && reading.hello.serverName === this.#serverName;
    this.#state = isSame ? "over" : "refused";
  }
}
