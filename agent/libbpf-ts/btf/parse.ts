import { BpfError } from "../errors.ts";
import type { BtfEnumValue, BtfMember, BtfType } from "./type.ts";

const MAGIC = 0xeb9f;
const modifiers = { 9: "volatile", 10: "const", 11: "restrict", 18: "tag" } as const;

function invalid(reason: string): BpfError {
  return new BpfError("invalid-object", `read BTF: ${reason}`, { object: "BTF" });
}

/** Reads words one after the other; a read past the end throws RangeError. */
class Cursor {
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.position >= this.#view.byteLength;
  }

  u32(): number {
    this.position += 4;
    return this.#view.getUint32(this.position - 4, true);
  }

  s32(): number {
    return this.u32() | 0;
  }
}

function* parseTypes(bytes: Uint8Array, text: (offset: number) => string): Generator<BtfType> {
  const cursor = new Cursor(bytes);
  while (!cursor.done) {
    const name = text(cursor.u32());
    const info = cursor.u32();
    const size = cursor.u32();
    yield parseType(cursor, text, { kind: (info >>> 24) & 0x1f, count: info & 0xffff, flag: info >>> 31 === 1, name, size });
  }
}

interface Head {
  readonly kind: number;
  readonly count: number;
  /** Struct: members may be bit fields. Enum: values are signed. Forward: of a union. */
  readonly flag: boolean;
  readonly name: string;
  /** The size in bytes, or the number of the type that is referred to. */
  readonly size: number;
}

function parseType(cursor: Cursor, text: (offset: number) => string, head: Head): BtfType {
  const { kind, count, flag, name, size } = head;
  const times = <T>(read: () => T): T[] => Array.from({ length: count }, read);
  switch (kind) {
    case 1: {
      const encoding = (cursor.u32() >>> 24) & 0xf;
      return { kind: "int", name, size, signed: (encoding & 1) !== 0, bool: (encoding & 4) !== 0 };
    }
    case 2:
      return { kind: "pointer", type: size };
    case 3: {
      const type = cursor.u32();
      cursor.u32(); // The index' type says nothing.
      return { kind: "array", type, length: cursor.u32() };
    }
    case 4:
    case 5:
      return { kind: kind === 4 ? "struct" : "union", name, size, members: times(() => parseMember(cursor, text, flag)) };
    case 6:
      return { kind: "enum", name, size, values: times(() => ({ name: text(cursor.u32()), value: flag ? cursor.s32() : cursor.u32() })) };
    case 7:
      return { kind: "forward", name, union: flag };
    case 8:
      return { kind: "typedef", name, type: size };
    case 9:
    case 10:
    case 11:
    case 18:
      return { kind: "modifier", modifier: modifiers[kind], type: size };
    case 12:
      return { kind: "function", name, type: size };
    case 13:
      return { kind: "prototype", returns: size, parameters: times(() => ({ name: text(cursor.u32()), type: cursor.u32() })) };
    case 14:
      cursor.u32(); // linkage
      return { kind: "variable", name, type: size };
    case 15:
      return { kind: "section", name, size, variables: times(() => ({ type: cursor.u32(), offset: cursor.u32(), size: cursor.u32() })) };
    case 16:
      return { kind: "float", name, size };
    case 17:
      return { kind: "declaration-tag", name, type: size, component: cursor.s32() };
    case 19:
      return { kind: "enum", name, size, values: times(() => parseEnum64(cursor, text, flag)) };
    default:
      throw invalid(`unknown kind ${kind}`);
  }
}

function parseMember(cursor: Cursor, text: (offset: number) => string, hasBitFields: boolean): BtfMember {
  const name = text(cursor.u32());
  const type = cursor.u32();
  const offset = cursor.u32();
  return hasBitFields
    ? { name, type, bitOffset: offset & 0xffffff, bitSize: offset >>> 24 }
    : { name, type, bitOffset: offset, bitSize: 0 };
}

function parseEnum64(cursor: Cursor, text: (offset: number) => string, signed: boolean): BtfEnumValue {
  const name = text(cursor.u32());
  const low = cursor.u32();
  return { name, value: (signed ? cursor.s32() : cursor.u32()) * 2 ** 32 + low };
}

/**
 * Reads a BTF blob. Type 0 of the answer is `void`.
 *
 * @throws BpfError `invalid-object` when the blob is not little-endian BTF of version 1.
 */
export function parseBtf(blob: Uint8Array): BtfType[] {
  if (blob.length < 24) throw invalid("too short");
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (view.getUint16(0, true) !== MAGIC || view.getUint8(2) !== 1) throw invalid("no little-endian header of version 1");
  const headerLength = view.getUint32(4, true);
  const part = (at: number): Uint8Array => {
    const start = headerLength + view.getUint32(at, true);
    return blob.subarray(start, start + view.getUint32(at + 4, true));
  };
  const strings = Buffer.from(part(16));
  const text = (offset: number): string => {
    const end = strings.indexOf(0, offset);
    if (end < 0) throw invalid(`no string at ${offset}`);
    return strings.toString("utf8", offset, end);
  };
  try {
    return [{ kind: "void" }, ...parseTypes(part(8), text)];
  } catch (error) {
    if (error instanceof RangeError) throw invalid("it ends in the middle of a type");
    throw error;
  }
}
