import { AddressFamily, type EventRecord, EventRecordView, layouts } from "#agent/datapath/layouts.gen.ts";
import { type Cidr, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { refusal } from "./refusal.ts";

/** Addresses by their leading words, each compared under its mask. */
interface Range {
  readonly family: number;
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

/** Where the addresses are in the bytes of an event. */
const places = { source: placeOf("source"), destination: placeOf("destination") };

/**
 * Whether an address of an event is in one of some ranges. Looks at the bytes where they lie: nothing is made anew.
 *
 * @param wanted addresses and CIDRs.
 * @throws ApiError `bad-request`, naming the field, for what is neither.
 */
export function addressTest(
  field: string,
  wanted: readonly string[],
): (event: EventRecord, end: "source" | "destination") => boolean {
  const ranges = wanted.map((text) => rangeOf(field, text));
  return (event, end) => {
    for (const range of ranges) {
      if (range.family === event.family && contains(range, event, end)) return true;
    }
    return false;
  };
}

function contains({ words, masks }: Range, event: EventRecord, end: "source" | "destination"): boolean {
  const [view, at] = event instanceof EventRecordView ? [event.view, event.at + places[end]] : [viewOf(event, end), 0];
  for (let i = 0; i < words.length; i++) {
    if ((view.getInt32(at + 4 * i, false) & (masks[i] ?? 0)) !== words[i]) return false;
  }
  return true;
}

function viewOf(event: EventRecord, end: "source" | "destination"): DataView {
  const { buffer, byteOffset } = event[end].bytes;
  return new DataView(buffer, byteOffset);
}

function rangeOf(field: string, text: string): Range {
  const address = parseAddress(text);
  const cidr = address ? hostCidr(address) : parseCidr(text);
  if (!cidr) throw refusal(field, `${text} is neither an address nor a CIDR`);
  return toRange(cidr);
}

function toRange({ family, address, bits }: Cidr): Range {
  const width = family === 6 ? 128n : 32n;
  const mask = ((1n << BigInt(bits)) - 1n) << (width - BigInt(bits));
  const word = (value: bigint, i: number): number => Number(BigInt.asIntN(32, value >> (width - 32n * BigInt(i + 1))));
  const indexes = Array.from({ length: Number(width / 32n) }, (_, i) => i);
  return {
    family: family === 6 ? AddressFamily.IPV6 : AddressFamily.IPV4,
    words: indexes.map((i) => word(address & mask, i)),
    masks: indexes.map((i) => word(mask, i)),
  };
}

function placeOf(member: string): number {
  const place = layouts["event"]?.members[member];
  if (!place) throw new Error(`address test: struct event has no member ${member}`);
  return place[0];
}
