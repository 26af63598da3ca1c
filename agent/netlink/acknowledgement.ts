import { parseAttributes } from "./attributes.ts";
import { littleEndian, readText, viewOf } from "./bytes.ts";
import { ErrorAttribute, MessageFlag } from "./constants.ts";
import type { NetlinkMessage } from "./message.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";

/** What an error message, or the end of a dump, says. */
export interface Acknowledgement {
  /** Positive; 0: done as asked. */
  readonly errno: number;
  /** The kernel's sentence ("extended acknowledgement"); empty when there is none. */
  readonly hint: string;
}

/** Reads a message of type ERROR: {i32 -errno, the request's header, its payload unless capped, attributes}. */
export function parseAcknowledgement(message: NetlinkMessage): Parsed<Acknowledgement> {
  const { payload, flags } = message;
  if (payload.length < 20) return malformed(`acknowledgement has ${payload.length} bytes`);
  const view = viewOf(payload);
  const requestLength = flags & MessageFlag.CAPPED ? 16 : view.getUint32(4, littleEndian);
  return parseTail(payload, flags, 4 + requestLength);
}

/** Reads a message of type DONE, which ends a dump: {i32 -errno, attributes}. */
export function parseDone(message: NetlinkMessage): Parsed<Acknowledgement> {
  // Kernels before 4.x may send no number at all.
  if (message.payload.length < 4) return parsed({ errno: 0, hint: "" });
  return parseTail(message.payload, message.flags, 4);
}

function parseTail(payload: Uint8Array, flags: number, offset: number): Parsed<Acknowledgement> {
  const errno = -viewOf(payload).getInt32(0, littleEndian);
  if (errno < 0) return malformed(`acknowledgement has errno ${errno}`);
  if (!(flags & MessageFlag.ACK_ATTRIBUTES) || offset > payload.length) return parsed({ errno, hint: "" });
  const attributes = parseAttributes(payload.subarray(offset));
  if (!attributes.ok) return attributes;
  return parsed({ errno, hint: readText(attributes.value.get(ErrorAttribute.MESSAGE)) ?? "" });
}
