import { align, littleEndian, viewOf } from "./bytes.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";

const headerSize = 16;

/** What is to be asked of the kernel: a plain value that any connection can send. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** A verb phrase for errors, e.g. `delete link weir01`. */
  readonly what: string;
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** A view into the received bytes. */
  readonly payload: Uint8Array;
}

/** The request's bytes under a sequence number, by which its answers are known. */
export function encodeRequest(request: NetlinkRequest, sequence: number): Uint8Array {
  const bytes = new Uint8Array(headerSize + request.payload.length);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length, littleEndian);
  view.setUint16(4, request.type, littleEndian);
  view.setUint16(6, request.flags, littleEndian);
  view.setUint32(8, sequence, littleEndian);
  // The port at byte 12 stays 0: the kernel fills in the socket's own.
  bytes.set(request.payload, headerSize);
  return bytes;
}

/** Splits one received datagram into its messages. */
export function parseMessages(bytes: Uint8Array): Parsed<NetlinkMessage[]> {
  const view = viewOf(bytes);
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + headerSize > bytes.length) return malformed(`message at byte ${offset} is cut short`);
    const length = view.getUint32(offset, littleEndian);
    if (length < headerSize || offset + length > bytes.length) {
      return malformed(`message at byte ${offset} has length ${length}`);
    }
    messages.push({
      type: view.getUint16(offset + 4, littleEndian),
      flags: view.getUint16(offset + 6, littleEndian),
      sequence: view.getUint32(offset + 8, littleEndian),
      payload: bytes.subarray(offset + headerSize, offset + length),
    });
    offset += align(length);
  }
  return parsed(messages);
}
