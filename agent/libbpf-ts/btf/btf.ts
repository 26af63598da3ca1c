import { elfSection } from "../elf.ts";
import { BpfError } from "../errors.ts";
import { parseBtf } from "./parse.ts";
import type { BtfKind, BtfType, BtfTypeOf } from "./type.ts";

/** The types of a compiled object, or of the kernel, read without libbpf or the kernel. */
export class Btf {
  readonly types: readonly BtfType[];
  readonly #byName = new Map<string, number>();

  /** @param blob raw BTF, e.g. the content of `/sys/kernel/btf/vmlinux`. */
  constructor(blob: Uint8Array) {
    this.types = parseBtf(blob);
    for (const [id, type] of this.types.entries()) {
      const key = "name" in type && type.name !== "" ? `${type.kind} ${type.name}` : undefined;
      if (key !== undefined && !this.#byName.has(key)) this.#byName.set(key, id);
    }
  }

  /** @throws BpfError `invalid-object` when the file is no ELF object or has no BTF. */
  static ofObject(object: Uint8Array): Btf {
    const section = elfSection(object, ".BTF");
    if (section) return new Btf(section);
    throw new BpfError("invalid-object", "read BTF: the object has none; compile it with -g", { object: "BTF" });
  }

  /** @throws BpfError `invalid-object` when there is no type of that number. */
  type(id: number): BtfType {
    const type = this.types[id];
    if (type) return type;
    throw new BpfError("invalid-object", `read BTF: no type ${id}`, { object: "BTF" });
  }

  /** The first type of a kind and name. */
  find<K extends BtfKind>(kind: K, name: string): BtfTypeOf<K> | undefined {
    const id = this.#byName.get(`${kind} ${name}`);
    return id === undefined ? undefined : (this.types[id] as BtfTypeOf<K>);
  }

  /** The type behind `const`, `volatile`, tags and, unless they are to stay, typedefs. */
  resolve(id: number, keep: "typedefs" | "nothing" = "nothing"): BtfType {
    let type = this.type(id);
    for (let depth = 0; depth < 64; depth++) {
      if (type.kind !== "modifier" && (type.kind !== "typedef" || keep === "typedefs")) return type;
      type = this.type(type.type);
    }
    throw new BpfError("invalid-object", `read BTF: type ${id} refers to itself`, { object: "BTF" });
  }

  /** Bytes of a type; 0 for what has no size. */
  sizeOf(id: number): number {
    const type = this.resolve(id);
    switch (type.kind) {
      case "int":
      case "float":
      case "enum":
      case "struct":
      case "union":
      case "section":
        return type.size;
      case "pointer":
        return 8;
      case "array":
        return type.length * this.sizeOf(type.type);
      case "variable":
        return this.sizeOf(type.type);
      default:
        return 0;
    }
  }

  /** A type as C spells it, without `const` and `volatile`: `__be32`, `struct ip_address`, `__u8[6]`. */
  spell(id: number): string {
    const type = this.resolve(id, "typedefs");
    switch (type.kind) {
      case "void":
        return "void";
      case "struct":
      case "union":
      case "enum":
        return `${type.kind} ${type.name === "" ? "(anonymous)" : type.name}`;
      case "forward":
        return `${type.union ? "union" : "struct"} ${type.name}`;
      case "pointer":
        return `${this.spell(type.type)} *`;
      case "array":
        return `${this.spell(type.type)}[${type.length}]`;
      case "prototype":
        return "function";
      default:
        return type.kind === "modifier" ? "" : type.name;
    }
  }
}
