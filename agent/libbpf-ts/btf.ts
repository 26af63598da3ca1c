import { elfSection } from "./elf.ts";
import { BpfError } from "./errors.ts";

/** `BTF_KIND_*` of `<linux/btf.h>`, as far as structures need them. */
const Kind = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

export interface BtfMember {
  readonly name: string;
  readonly type: BtfType;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Of a bit field: its first bit from there, and how many it has. */
  readonly bits?: { readonly first: number; readonly count: number };
}

export type BtfType =
  | { readonly kind: "int"; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly kind: "pointer"; readonly name: string; readonly size: 8 }
  | {
      readonly kind: "array";
      readonly name: string;
      readonly size: number;
      readonly element: BtfType;
      readonly length: number;
    }
  | {
      readonly kind: "struct" | "union";
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: "enum";
      readonly name: string;
      readonly size: number;
      readonly values: ReadonlyMap<string, number>;
    }
  /** A typedef keeps its name: `__be16` says more than its size. */
  | { readonly kind: "typedef"; readonly name: string; readonly size: number; readonly target: BtfType }
  | { readonly kind: "other"; readonly name: string; readonly size: 0 };

interface Raw {
  readonly name: string;
  readonly kind: number;
  readonly flag: boolean;
  readonly length: number;
  /** Size in bytes, or the number of another type. */
  readonly word: number;
  readonly data: number;
}

/** The types of a BTF section (`Documentation/bpf/btf.rst`). */
export class Btf {
  readonly #view: DataView;
  readonly #raw: Raw[] = [];
  readonly #types = new Map<number, BtfType>();

  /** @throws BpfError `invalid` when the bytes are no BTF. */
  constructor(section: Uint8Array) {
    this.#view = new DataView(section.buffer, section.byteOffset, section.byteLength);
    try {
      this.#parse();
    } catch (cause) {
      throw new BpfError("invalid", "parse BTF", "the section is malformed", { cause });
    }
  }

  /** From the `.BTF` section of a 64-bit little-endian ELF file. */
  static fromElf(file: Uint8Array): Btf {
    const section = elfSection(file, ".BTF");
    if (section) return new Btf(section);
    throw new BpfError("not-found", "parse BTF", "the file has no .BTF section; compile with -g");
  }

  /** A structure by its name. */
  struct(name: string): Extract<BtfType, { kind: "struct" | "union" }> | undefined {
    for (let id = 1; id <= this.#raw.length; id++) {
      const raw = this.#raw[id - 1] as Raw;
      if (raw.name === name && raw.kind === Kind.STRUCT) return this.type(id) as never;
    }
    return undefined;
  }

  enum(name: string): Extract<BtfType, { kind: "enum" }> | undefined {
    for (let id = 1; id <= this.#raw.length; id++) {
      const raw = this.#raw[id - 1] as Raw;
      if (raw.name === name && raw.kind === Kind.ENUM) return this.type(id) as never;
    }
    return undefined;
  }

  /** Names of all structures and enums, in the order of the section. */
  names(kind: "struct" | "enum"): string[] {
    const wanted = kind === "struct" ? Kind.STRUCT : Kind.ENUM;
    return this.#raw.filter((raw) => raw.kind === wanted && raw.name !== "").map((raw) => raw.name);
  }

  type(id: number): BtfType {
    const known = this.#types.get(id);
    if (known) return known;
    const made = this.#make(id);
    this.#types.set(id, made);
    return made;
  }

  #make(id: number): BtfType {
    const raw = this.#raw[id - 1];
    if (!raw) return { kind: "other", name: "void", size: 0 };
    const { name, kind, word, data, length } = raw;
    const u32 = (offset: number): number => this.#view.getUint32(offset, true);
    switch (kind) {
      case Kind.INT:
        return { kind: "int", name, size: word, signed: ((u32(data) >>> 24) & 1) === 1 };
      case Kind.PTR:
        return { kind: "pointer", name, size: 8 };
      case Kind.ARRAY: {
        const element = this.type(u32(data));
        const count = u32(data + 8);
        return { kind: "array", name, size: element.size * count, element, length: count };
      }
      case Kind.STRUCT:
      case Kind.UNION: {
        const members = Array.from({ length }, (_, i): BtfMember => {
          const at = data + i * 12;
          const place = u32(at + 8);
          const first = raw.flag ? place & 0xffffff : place;
          const count = raw.flag ? place >>> 24 : 0;
          const member = { name: this.#name(u32(at)), type: this.type(u32(at + 4)), offset: first >>> 3 };
          return count === 0 ? member : { ...member, bits: { first: first & 7, count } };
        });
        return { kind: kind === Kind.STRUCT ? "struct" : "union", name, size: word, members };
      }
      case Kind.ENUM: {
        const values = new Map<string, number>();
        for (let i = 0; i < length; i++) {
          const at = data + i * 8;
          values.set(this.#name(u32(at)), raw.flag ? this.#view.getInt32(at + 4, true) : u32(at + 4));
        }
        return { kind: "enum", name, size: word, values };
      }
      case Kind.TYPEDEF: {
        const target = this.type(word);
        return { kind: "typedef", name, size: target.size, target };
      }
      case Kind.VOLATILE:
      case Kind.CONST:
      case Kind.RESTRICT:
      case Kind.TYPE_TAG:
        return this.type(word);
      default:
        return { kind: "other", name, size: 0 };
    }
  }

  #name(offset: number): string {
    const strings = this.#view.getUint32(4, true) + this.#view.getUint32(16, true) + offset;
    let end = strings;
    while (this.#view.getUint8(end) !== 0) end++;
    return Buffer.from(this.#view.buffer, this.#view.byteOffset + strings, end - strings).toString("latin1");
  }

  #parse(): void {
    const view = this.#view;
    if (view.getUint16(0, true) !== 0xeb9f) throw new Error("wrong magic number");
    const header = view.getUint32(4, true);
    let at = header + view.getUint32(8, true);
    const end = at + view.getUint32(12, true);
    while (at < end) {
      const info = view.getUint32(at + 4, true);
      const kind = (info >>> 24) & 0x1f;
      const length = info & 0xffff;
      this.#raw.push({
        name: this.#name(view.getUint32(at, true)),
        kind,
        flag: info >>> 31 === 1,
        length,
        word: view.getUint32(at + 8, true),
        data: at + 12,
      });
      at += 12 + extraSize(kind, length);
    }
  }
}

/** Bytes behind the three words that every type begins with. */
function extraSize(kind: number, length: number): number {
  switch (kind) {
    case Kind.INT:
    case Kind.VAR:
    case Kind.DECL_TAG:
      return 4;
    case Kind.ARRAY:
      return 12;
    case Kind.STRUCT:
    case Kind.UNION:
    case Kind.DATASEC:
    case Kind.ENUM64:
      return length * 12;
    case Kind.ENUM:
    case Kind.FUNC_PROTO:
      return length * 8;
    default:
      return 0;
  }
}
