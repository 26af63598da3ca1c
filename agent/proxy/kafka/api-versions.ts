import { topicRequests } from "./topic-requests.ts";
import { KafkaFault, WireReader } from "./wire.ts";

/** `UNSUPPORTED_VERSION`: such an answer is in the form of version 0. */
const UNSUPPORTED_VERSION = 35;

/**
 * Takes from a broker's answer to ApiVersions, in place, the versions of requests whose topics could not be read here, so that
 * clients use others. Of a broker that has no others nothing is taken.
 *
 * @param content The answer without the length before it.
 * @param version Of the request.
 */
export function limitVersions(content: Buffer, version: number): void {
  const reader = new WireReader(content);
  try {
    reader.take(4);
    const isFlexible = reader.int16() !== UNSUPPORTED_VERSION && version >= 3;
    const count = isFlexible ? readVarint(reader) - 1 : reader.int32();
    for (let i = 0; i < count; i++) {
      const apiKey = reader.int16();
      const range = reader.take(4);
      const most = topicRequests.get(apiKey)?.maxVersion ?? Infinity;
      if (range.readInt16BE(0) <= most && range.readInt16BE(2) > most) range.writeInt16BE(most, 2);
      if (isFlexible) skipTags(reader);
    }
  } catch (error) {
    // What is no answer passes as it is: whatever it makes a client ask for is judged by itself.
    if (!(error instanceof KafkaFault)) throw error;
  }
}

function skipTags(reader: WireReader): void {
  for (let left = readVarint(reader); left > 0; left--) {
    readVarint(reader);
    reader.take(readVarint(reader));
  }
}

/** Seven bits a byte, the least first. */
function readVarint(reader: WireReader): number {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = reader.take(1).readUInt8();
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new KafkaFault("has a number that is too long");
}
