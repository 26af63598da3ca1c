import fc from "fast-check";
import { expect, test } from "vitest";
import { type BtfMember, type BtfType, type BtfValue, btfDecoder } from "libbpf-ts";

/** A type, its bytes, and what they are to be read as. */
interface Case {
  readonly type: BtfType;
  readonly bytes: Uint8Array;
  readonly value: BtfValue;
}

const unsigned = (name: string, size: number): BtfType => ({ kind: "int", name, size, signed: false });

/** The bytes of a number, lowest first. */
function littleEndian(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number(BigInt.asUintN(64, value >> BigInt(8 * i)) & 0xffn));
}

const toNumber = (value: bigint, size: number): BtfValue => (size === 8 ? value : Number(value));

const ints: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom(1, 2, 4, 8), fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(([size, signed, random]) => {
    const value = signed ? BigInt.asIntN(8 * size, random) : BigInt.asUintN(8 * size, random);
    return {
      type: { kind: "int", name: "int", size, signed },
      bytes: littleEndian(value, size),
      value: toNumber(value, size),
    };
  });

const networkOrder: fc.Arbitrary<Case> = fc.tuple(fc.constantFrom(2, 4), fc.nat(2 ** 31 - 1)).map(([size, random]) => {
  const value = BigInt.asUintN(8 * size, BigInt(random));
  return {
    type: { kind: "typedef", name: `__be${8 * size}`, size, target: unsigned("int", size) },
    bytes: littleEndian(value, size).reverse(),
    value: Number(value),
  };
});

const enums: fc.Arbitrary<Case> = fc.nat(5).map((value) => ({
  type: {
    kind: "enum",
    name: "color",
    size: 4,
    values: new Map([
      ["RED", 1],
      ["BLUE", 4],
    ]),
  },
  bytes: littleEndian(BigInt(value), 4),
  value: { 1: "RED", 4: "BLUE" }[value] ?? value,
}));

const booleans: fc.Arbitrary<Case> = fc.boolean().map((value) => ({
  type: unsigned("_Bool", 1),
  bytes: Uint8Array.of(value ? 1 : 0),
  value,
}));

function arrayOf(one: fc.Arbitrary<Case>): fc.Arbitrary<Case> {
  return fc.tuple(one, fc.integer({ min: 1, max: 4 })).map(([{ type, bytes, value }, length]) => ({
    type: { kind: "array", name: "", size: length * type.size, element: type, length },
    bytes: Uint8Array.from({ length: length * bytes.length }, (_, i) => bytes[i % bytes.length] ?? 0),
    value: Array.from({ length }, () => value),
  }));
}

/** With bytes of no member before each, which are to be passed over. */
function structOf(one: fc.Arbitrary<Case>): fc.Arbitrary<Case> {
  return fc.array(fc.tuple(one, fc.nat(3)), { minLength: 1, maxLength: 4 }).map((parts) => {
    const members: BtfMember[] = [];
    const bytes: number[] = [];
    const value: Record<string, BtfValue> = {};
    for (const [index, [part, gap]] of parts.entries()) {
      bytes.push(...Array.from({ length: gap }, () => 0xa5));
      members.push({ name: `member${index}`, type: part.type, offset: bytes.length });
      bytes.push(...part.bytes);
      value[`member${index}`] = part.value;
    }
    const type: BtfType = { kind: "struct", name: "random", size: bytes.length, members };
    return { type, bytes: Uint8Array.from(bytes), value };
  });
}

const scalars = fc.oneof(ints, networkOrder, enums, booleans);
const nested = fc.oneof(scalars, arrayOf(scalars), structOf(scalars));
const cases = fc.oneof(nested, structOf(fc.oneof(nested, arrayOf(nested), structOf(nested))));

test("bytes of random types are read as what was written", () => {
  const property = fc.property(cases, fc.nat(7), ({ type, bytes, value }, at) => {
    const view = new DataView(new ArrayBuffer(at + bytes.length));
    new Uint8Array(view.buffer).set(bytes, at);
    expect(btfDecoder(type)(view, at)).toEqual(value);
  });
  fc.assert(property, { numRuns: 1000 });
});

test("a union is all of its members, and of an anonymous one they stand beside the others", () => {
  const words: BtfMember[] = [
    { name: "word", type: unsigned("__u32", 4), offset: 0 },
    { name: "half", type: unsigned("__u16", 2), offset: 0 },
  ];
  const union: BtfType = { kind: "union", name: "", size: 4, members: words };
  const view = new DataView(Uint8Array.of(1, 2, 3, 4).buffer);
  expect(btfDecoder(union)(view, 0)).toEqual({ word: 0x04030201, half: 0x0201 });
  const members = [{ name: "", type: union, offset: 0 }];
  expect(btfDecoder({ kind: "struct", name: "outer", size: 4, members })(view, 0)).toEqual({
    word: 0x04030201,
    half: 0x0201,
  });
});

test("bit fields are read where they stand", () => {
  const field = (name: string, offset: number, first: number, count: number): BtfMember => {
    return { name, type: unsigned("__u32", 4), offset, bits: { first, count } };
  };
  const members = [field("low", 0, 0, 3), field("across", 0, 3, 9), field("high", 1, 4, 4)];
  const view = new DataView(Uint8Array.of(0b1010_1101, 0b0111_0110, 0, 0).buffer);
  const decode = btfDecoder({ kind: "struct", name: "bits", size: 4, members });
  expect(decode(view, 0)).toEqual({ low: 0b101, across: 0b0110_1010_1, high: 0b0111 });
});

test("what has no layout is null, and a pointer is a number", () => {
  const view = new DataView(littleEndian(0xffff_8881_0000_0000n, 8).buffer as ArrayBuffer);
  expect(btfDecoder({ kind: "other", name: "fwd", size: 0 })(view, 0)).toBeNull();
  expect(btfDecoder({ kind: "pointer", name: "", size: 8 })(view, 0)).toBe(0xffff_8881_0000_0000n);
});
