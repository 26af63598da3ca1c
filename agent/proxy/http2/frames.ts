/** RFC 9113, section 3.4: what clients begin with. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** RFC 9113, section 4.1. */
export const FRAME_HEAD = 9;

export const FrameType = { headers: 1, settings: 4 } as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;

export interface FrameHead {
  /** Of the payload, in bytes. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Null: it is not there as a whole. */
export function readFrameHead(bytes: Buffer, at: number): FrameHead | null {
  if (bytes.length < at + FRAME_HEAD) return null;
  const [type, flags] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)];
  return { length: bytes.readUIntBE(at, 3), type, flags, stream: bytes.readUInt32BE(at + 5) & 0x7fffffff };
}

export function formatFrame({ type, flags, stream }: Omit<FrameHead, "length">, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_HEAD + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame.writeUInt8(type, 3);
  frame.writeUInt8(flags, 4);
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, FRAME_HEAD);
  return frame;
}
