import { align, littleEndian, viewOf } from "./bytes.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";

/** Above these bits stand "nested" and "network byte order", which readers need not know. */
const typeMask = 0x3fff;

/** Attribute type -> value, a view into the message. Of a repeated type the last counts. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/** Reads a run of attributes, each {u16 length, u16 type, value, padding}. */
export function parseAttributes(bytes: Uint8Array): Parsed<Attributes> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  let offset = 0;
  // Fewer bytes than a header are padding.
  while (offset + 4 <= bytes.length) {
    const length = view.getUint16(offset, littleEndian);
    if (length < 4 || offset + length > bytes.length) {
      return malformed(`attribute at byte ${offset} has length ${length}`);
    }
    attributes.set(view.getUint16(offset + 2, littleEndian) & typeMask, bytes.subarray(offset + 4, offset + length));
    offset += align(length);
  }
  return parsed(attributes);
}

/** Reads an attribute that holds attributes; an absent one holds none. */
export function parseNested(bytes: Uint8Array | undefined): Parsed<Attributes> {
  return bytes === undefined ? parsed(new Map()) : parseAttributes(bytes);
}
