import type { BtfMember, BtfType } from "./btf.ts";

/** What bytes say by their type. Numbers of 64 bits are bigints, also small ones. */
export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | readonly BtfValue[]
  | { readonly [name: string]: BtfValue };

/** Reads a value at an offset of a view. */
export type BtfDecoder = (view: DataView, at: number) => BtfValue;

type Struct = Extract<BtfType, { kind: "struct" | "union" }>;

/**
 * What is known of a member beyond its type: how it is read, at the offset of the structure that has it; or that it
 * is left out. Undefined: its type says all.
 */
export type MemberDecoder = (parent: Struct, member: BtfMember) => BtfDecoder | "left out" | undefined;

/**
 * How values of a type are read: structures by their members, unions by all of theirs, enums by name, `__be16` and
 * `__be32` in network order, everything else in the machine's, which is little-endian. The members of an anonymous
 * structure or union are those of what it stands in. What has no size, or that BTF does not know, is null.
 */
export function btfDecoder(type: BtfType, known: MemberDecoder = () => undefined): BtfDecoder {
  return decoderOf(type, known, true);
}

function decoderOf(type: BtfType, known: MemberDecoder, littleEndian: boolean): BtfDecoder {
  switch (type.kind) {
    case "typedef":
      return decoderOf(type.target, known, littleEndian && !/^__be(16|32|64)$/.test(type.name));
    case "int":
      if (type.name === "_Bool" || type.name === "bool") return (view, at) => view.getUint8(at) !== 0;
      return numberDecoder(type.size, type.signed, littleEndian);
    case "pointer":
      return numberDecoder(8, false, true);
    case "enum":
      return enumDecoder(type.values, numberDecoder(type.size, false, littleEndian));
    case "array": {
      const element = decoderOf(type.element, known, littleEndian);
      const { length } = type;
      const { size } = type.element;
      return (view, at) => Array.from({ length }, (_, index) => element(view, at + index * size));
    }
    case "struct":
    case "union":
      return structDecoder(type, known);
    case "other":
      return () => null;
  }
}

/** A number by the name that an enum gives it; one that has none stays a number. */
export function enumDecoder(values: ReadonlyMap<string, number>, number: BtfDecoder): BtfDecoder {
  const names = new Map([...values].map(([name, value]) => [value, name]));
  return (view, at) => {
    const value = number(view, at);
    return names.get(value as number) ?? value;
  };
}

function numberDecoder(size: number, signed: boolean, littleEndian: boolean): BtfDecoder {
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed ? (view, at) => view.getInt16(at, littleEndian) : (view, at) => view.getUint16(at, littleEndian);
    case 4:
      return signed ? (view, at) => view.getInt32(at, littleEndian) : (view, at) => view.getUint32(at, littleEndian);
    case 8:
      return signed
        ? (view, at) => view.getBigInt64(at, littleEndian)
        : (view, at) => view.getBigUint64(at, littleEndian);
    default:
      return (view, at) => Buffer.from(view.buffer, view.byteOffset + at, size).toString("hex");
  }
}

function structDecoder(struct: Struct, known: MemberDecoder): BtfDecoder {
  const members = struct.members.flatMap((member) => {
    const special = known(struct, member);
    if (special === "left out") return [];
    return [{ name: member.name, decode: special ?? memberDecoder(member, known) }];
  });
  return (view, at) => {
    const value: Record<string, BtfValue> = {};
    for (const { name, decode } of members) {
      const inner = decode(view, at);
      if (name === "" && typeof inner === "object" && inner !== null) Object.assign(value, inner);
      else value[name] = inner;
    }
    return value;
  };
}

function memberDecoder({ type, offset, bits }: BtfMember, known: MemberDecoder): BtfDecoder {
  if (bits) return bitsDecoder(offset, bits.first, bits.count);
  const decode = decoderOf(type, known, true);
  return (view, at) => decode(view, at + offset);
}

/** A bit field without a sign, as little-endian machines lay it out. */
function bitsDecoder(offset: number, first: number, count: number): BtfDecoder {
  return (view, at) => {
    let value = 0n;
    for (let i = Math.ceil((first + count) / 8) - 1; i >= 0; i--) {
      value = (value << 8n) | BigInt(view.getUint8(at + offset + i));
    }
    value = (value >> BigInt(first)) & ((1n << BigInt(count)) - 1n);
    return count > 32 ? value : Number(value);
  };
}
