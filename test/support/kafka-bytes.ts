/** The protocol's primitive types, as its guide has them. */
export const i8 = (value: number): Buffer => Buffer.from([value & 0xff]);

export function i16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function i64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

export const text = (value: string | null): Buffer =>
  value === null ? i16(-1) : Buffer.concat([i16(value.length), Buffer.from(value)]);

export const list = (...items: readonly (readonly Buffer[])[]): Buffer =>
  Buffer.concat([i32(items.length), ...items.flat()]);

export function frame(...content: readonly Buffer[]): Buffer {
  const all = Buffer.concat(content);
  return Buffer.concat([i32(all.length), all]);
}

/** A request with a header of version 1. */
export function kafkaRequest(
  apiKey: number,
  apiVersion: number,
  body: readonly Buffer[],
  { correlationId = 7, clientId = "billing" }: { correlationId?: number; clientId?: string | null } = {},
): Buffer {
  return frame(i16(apiKey), i16(apiVersion), i32(correlationId), text(clientId), ...body);
}
