import { type ClientHello, parseClientHello } from "./client-hello.ts";
import { GatheredBytes } from "../gathered-bytes.ts";
import { ContentType, RecordReader } from "./records.ts";

export type HelloReading =
  /** More bytes are needed. */
  | { readonly state: "more" }
  /** `end`: the place in the last chunk behind the hello's last record. */
  | { readonly state: "read"; readonly hello: ClientHello; readonly end: number }
  /** The text says why. Nothing more is to be read. */
  | { readonly state: "unreadable"; readonly fault: string };

/** So many bytes at most a hello takes, with the headers of its records. */
export const LONGEST_HELLO = 16_384;
/** Of one record's content (RFC 8446, section 5.1). */
const LONGEST_FRAGMENT = 16_384;
const CLIENT_HELLO = 1;
/** Bytes before a message of the handshake: type, length. */
const MESSAGE_HEADER = 4;

/**
 * Reads the hello of a TLS client from its stream, wherever that is cut: a record may come in many segments, and the hello in
 * many records. Its last record has nothing else in it: behind a hello a client has to wait.
 */
export class HelloReader {
  readonly #records = new RecordReader();
  readonly #message = new GatheredBytes();
  #taken = 0;

  read(chunk: Buffer): HelloReading {
    for (const { type, length, content, end, isLast } of this.#records.read(chunk)) {
      if (type !== ContentType.handshake) return unreadable("does not begin with a handshake of TLS");
      if (length === 0 || length > LONGEST_FRAGMENT) return unreadable("has a record of a wrong size");
      if (this.#taken + end > LONGEST_HELLO) break;
      this.#message.add(content);
      const message = this.#message.bytes;
      if (message.length < MESSAGE_HEADER) continue;
      if (message[0] !== CLIENT_HELLO) return unreadable("does not begin with a hello");
      const whole = MESSAGE_HEADER + message.readUIntBE(1, 3);
      if (whole > LONGEST_HELLO) return unreadable("is too long");
      if (message.length > whole || (message.length === whole && !isLast)) return unreadable("has something behind it");
      if (message.length < whole) continue;
      const parsed = parseClientHello(message.subarray(MESSAGE_HEADER, whole));
      return "fault" in parsed ? unreadable(parsed.fault) : { state: "read", hello: parsed.hello, end };
    }
    this.#taken += chunk.length;
    return this.#taken > LONGEST_HELLO ? unreadable("is too long") : { state: "more" };
  }
}

function unreadable(fault: string): HelloReading {
  return { state: "unreadable", fault };
}
