/**
 * Writes `agent/datapath/layouts.gen.ts` from the BTF of `bpf/lib/shared/layouts.c`:
 * codecs and types of every struct, constants of every enum, and the table by which a
 * load compares the layouts again. `--check` writes nothing and fails on a difference.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Btf, type BtfMember, type BtfType } from "libbpf-ts";
import { buildBpf } from "./build.ts";

const root = resolve(import.meta.dirname, "..");
const objectPath = resolve(root, "dist/gen/layouts.bpf.o");
const outputPath = resolve(root, "agent/datapath/layouts.gen.ts");

type Struct = Extract<BtfType, { kind: "struct" | "union" }>;

/** Names that TypeScript or the platform has taken. */
const renamed: Readonly<Record<string, string>> = {
  interface: "interface_record",
  event: "event_record",
  endpoint: "endpoint_entry",
};

/** Structs of which there are so many that not every field of each is read. */
const viewed = new Set(["event", "conntrack_entry"]);

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string): string => camel(`_${name}`);
const typeName = (struct: string): string => pascal(renamed[struct] ?? struct);
const codecName = (struct: string): string => camel(renamed[struct] ?? struct);

function resolveType(type: BtfType): { base: BtfType; bigEndian: boolean } {
  let bigEndian = false;
  let base = type;
  while (base.kind === "typedef") {
    if (base.name === "__be16" || base.name === "__be32") bigEndian = true;
    base = base.target;
  }
  return { base, bigEndian };
}

/** An anonymous union is its first member. */
function flatten(members: readonly BtfMember[], offset = 0): BtfMember[] {
  return members.flatMap((member) => {
    const { base } = resolveType(member.type);
    if (member.name === "" && base.kind === "union") return flatten(base.members.slice(0, 1), offset + member.offset);
    // A lock is the kernel's: updates from user space leave it alone.
    if (/^(pad\d*|lock)$/.test(member.name)) return [];
    return [{ ...member, offset: offset + member.offset }];
  });
}

interface Field {
  readonly type: string;
  readonly encode: (value: string, offset: string) => string;
  readonly decode: (offset: string) => string;
}

function fieldOf(type: BtfType): Field {
  const { base, bigEndian } = resolveType(type);
  const order = bigEndian ? "false" : "true";
  switch (base.kind) {
    case "int":
    case "enum": {
      if (base.size === 1) {
        return {
          type: "number",
          encode: (value, offset) => `view.setUint8(${offset}, ${value});`,
          decode: (offset) => `view.getUint8(${offset})`,
        };
      }
      const method = base.size === 8 ? "BigUint64" : `Uint${base.size * 8}`;
      return {
        type: base.size === 8 ? "bigint" : "number",
        encode: (value, offset) => `view.set${method}(${offset}, ${value}, ${order});`,
        decode: (offset) => `view.get${method}(${offset}, ${order})`,
      };
    }
    case "struct":
      return {
        type: typeName(base.name),
        encode: (value, offset) => `${codecName(base.name)}.encode(${value}, view, ${offset});`,
        decode: (offset) => `${codecName(base.name)}.decode(view, ${offset})`,
      };
    case "array": {
      const element = resolveType(base.element).base;
      if (element.kind === "int" && element.size === 1) {
        return {
          type: "Uint8Array",
          encode: (value, offset) => `writeBytes(view, ${offset}, ${value}, ${base.length});`,
          decode: (offset) => `readBytes(view, ${offset}, ${base.length})`,
        };
      }
      const field = fieldOf(base.element);
      const places = Array.from({ length: base.length }, (_, i) => i);
      return {
        type: `readonly [${places.map(() => field.type).join(", ")}]`,
        encode: (value, offset) =>
          places.map((i) => field.encode(`${value}[${i}]`, `${offset} + ${i * base.element.size}`)).join(" "),
        decode: (offset) => `[${places.map((i) => field.decode(`${offset} + ${i * base.element.size}`)).join(", ")}]`,
      };
    }
    default:
      throw new Error(`generate layouts: a field of kind ${base.kind} has no codec`);
  }
}

function emitStruct(struct: Struct): string {
  const fields = flatten(struct.members).map(({ name, type, offset }) => ({
    name: camel(name),
    offset,
    field: fieldOf(type),
  }));
  const encode = fields.map(({ name, offset, field }) => `    ${field.encode(`value.${name}`, `at + ${offset}`)}`);
  const decode = fields.map(({ name, offset, field }) => `      ${name}: ${field.decode(`at + ${offset}`)},`);
  return `/** \`struct ${struct.name}\` */
export interface ${typeName(struct.name)} {
${fields.map(({ name, field }) => `  readonly ${name}: ${field.type};`).join("\n")}
}

export const ${codecName(struct.name)}: Codec<${typeName(struct.name)}> = {
  size: ${struct.size},
  encode(value, view, at) {
${encode.join("\n")}
  },
  decode(view, at) {
    return {
${decode.join("\n")}
    };
  },
};
`;
}

/** A record that is read where it lies, field by field: what is not asked for costs nothing. */
function emitView(struct: Struct): string {
  const name = typeName(struct.name);
  const getters = flatten(struct.members).map(({ name: member, type, offset }) => {
    const field = fieldOf(type);
    const decode = field.decode(`at + ${offset}`);
    return `  get ${camel(member)}(): ${field.type} {\n    const { view, at } = this;\n    return ${decode};\n  }`;
  });
  return `/** \`struct ${struct.name}\` where it lies; right as long as its bytes are. */
export class ${name}View implements ${name} {
  readonly view: DataView;
  readonly at: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.at = at;
  }
${getters.join("\n")}
}
`;
}

function commonPrefix(names: readonly string[]): string {
  const first = names[0] as string;
  let length = names.length > 1 ? first.length : 0;
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length--;
  return first.slice(0, first.lastIndexOf("_", length - 1) + 1);
}

function emitEnum(name: string, values: ReadonlyMap<string, number>): string {
  const prefix = commonPrefix([...values.keys()]);
  const lines = [...values].map(([key, value]) => `  ${key.slice(prefix.length)}: ${value},`);
  return `/** \`enum ${name}\` */
export const ${typeName(name)} = {
${lines.join("\n")}
} as const;
export type ${typeName(name)} = (typeof ${typeName(name)})[keyof typeof ${typeName(name)}];
`;
}

/** Structs before those that contain them, as the section names them. */
function ordered(btf: Btf): Struct[] {
  const done = new Map<string, Struct>();
  const visit = (type: BtfType): void => {
    const { base } = resolveType(type);
    if (base.kind === "array") visit(base.element);
    if (base.kind !== "struct" && base.kind !== "union") return;
    for (const member of base.members) visit(member.type);
    if (base.kind === "struct" && base.name !== "" && base.name !== "bpf_spin_lock") done.set(base.name, base);
  };
  for (const name of btf.names("struct")) visit(btf.struct(name) as BtfType);
  return [...done.values()];
}

function generate(): string {
  const btf = Btf.fromElf(readFileSync(objectPath));
  const structs = ordered(btf);
  const layouts = structs.map((struct) => {
    const members = flatten(struct.members).map(({ name, type, offset }) => `${name}: [${offset}, ${type.size}]`);
    return `  ${struct.name}: { size: ${struct.size}, members: { ${members.join(", ")} } },`;
  });
  return `// Generated by \`npm run gen\` from bpf/lib/shared. Do not edit.
import type { Codec } from "libbpf-ts";

function readBytes(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size).slice();
}

function writeBytes(view: DataView, at: number, bytes: Uint8Array, size: number): void {
  new Uint8Array(view.buffer, view.byteOffset + at, size).set(bytes.subarray(0, size));
}

${structs.map(emitStruct).join("\n")}
${structs
  .filter(({ name }) => viewed.has(name))
  .map(emitView)
  .join("\n")}
${btf
  .names("enum")
  .map((name) => emitEnum(name, (btf.enum(name) as Extract<BtfType, { kind: "enum" }>).values))
  .join("\n")}
/** Offset and size in bytes of every member: what a load compares with the object's own BTF. */
export const layouts: Readonly<
  Record<string, { readonly size: number; readonly members: Readonly<Record<string, readonly [number, number]>> }>
> = {
${layouts.join("\n")}
};
`;
}

buildBpf();
const text = generate();
if (process.argv.includes("--check")) {
  if (readFileSync(outputPath, "utf8") !== text) {
    console.error("agent/datapath/layouts.gen.ts differs from bpf/lib/shared: run `npm run gen`");
    process.exitCode = 1;
  }
} else {
  writeFileSync(outputPath, text);
}
