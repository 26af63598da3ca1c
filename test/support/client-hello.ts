/** A hello as a test wants it; what is not said is as a modest client has it. */
export interface HelloShape {
  /** Null: no such extension. */
  readonly serverName?: string | null;
  /** Name types and names of the list in the extension, in place of the one name. */
  readonly names?: readonly (readonly [type: number, name: string])[];
  /** Others, by type. */
  readonly extensions?: readonly (readonly [type: number, content: Buffer])[];
  readonly sessionId?: Buffer;
}

/** The message of the handshake, without any record around it. */
export function clientHello({
  serverName = null,
  names,
  extensions = [],
  sessionId = Buffer.alloc(0),
}: HelloShape): Buffer {
  const list = names ?? (serverName === null ? [] : [[0, serverName] as const]);
  const entries = list.map(([type, name]) =>
    Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, "latin1"))]),
  );
  const all = list.length > 0 ? [[0, vector(2, Buffer.concat(entries))] as const, ...extensions] : extensions;
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 0x5a),
    vector(1, sessionId),
    vector(2, Buffer.from([0x13, 0x01, 0xc0, 0x2b])),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(all.map(([type, content]) => Buffer.concat([number(2, type), vector(2, content)])))),
  ]);
  return message(1, body);
}

/** A message of the handshake. */
export function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), number(3, body.length), body]);
}

/** Records with at most so many bytes each. */
export function records(content: Buffer, size = 16_384, type = 22): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < content.length; at += size) {
    parts.push(Buffer.from([type, 3, 1]), vector(2, content.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

/** The length in so many bytes, then the content. */
function vector(size: number, content: Buffer): Buffer {
  return Buffer.concat([number(size, content.length), content]);
}

function number(size: number, value: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}
