import type { Btf } from "./btf.ts";
import type { BtfStruct } from "./type.ts";

/** One field: where it stands, how large it is (both in bytes), and its C type. */
export interface FieldLayout {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
}

/** A struct's fields in order; members of anonymous structs and unions stand among them. */
export interface StructLayout {
  readonly size: number;
  readonly fields: readonly FieldLayout[];
}

/** What two programs that share memory must agree on. The keys are C names, without `struct` or `enum`. */
export interface Layouts {
  readonly structs: Readonly<Record<string, StructLayout>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function structLayout(btf: Btf, struct: BtfStruct): StructLayout {
  return { size: struct.size, fields: [...fieldsOf(btf, struct, 0)] };
}

function* fieldsOf(btf: Btf, struct: BtfStruct, base: number): Generator<FieldLayout> {
  for (const { name, type, bitOffset, bitSize } of struct.members) {
    const offset = base + bitOffset / 8;
    const inner = btf.resolve(type);
    if (name === "" && (inner.kind === "struct" || inner.kind === "union")) yield* fieldsOf(btf, inner, offset);
    else yield { name, offset, size: bitSize === 0 ? btf.sizeOf(type) : bitSize / 8, type: btf.spell(type) };
  }
}

/**
 * What an object's BTF has otherwise than expected, one sentence each; empty when all
 * is the same. Types that the object does not use are not in its BTF and are passed over.
 */
export function compareLayouts(expected: Layouts, btf: Btf): string[] {
  const differences: string[] = [];
  for (const [name, wanted] of Object.entries(expected.structs)) {
    const struct = btf.find("struct", name);
    if (struct) differences.push(...compareStruct(name, wanted, structLayout(btf, struct)));
  }
  for (const [name, wanted] of Object.entries(expected.enums)) {
    const found = new Map(btf.find("enum", name)?.values.map(({ name, value }) => [name, value]));
    if (found.size === 0) continue;
    for (const [member, value] of Object.entries(wanted)) {
      if (found.get(member) !== value) differences.push(`enum ${name}: ${member} is ${found.get(member)}, not ${value}`);
    }
  }
  return differences;
}

function compareStruct(name: string, wanted: StructLayout, found: StructLayout): string[] {
  const differences: string[] = [];
  if (wanted.size !== found.size) differences.push(`struct ${name}: ${found.size} bytes, not ${wanted.size}`);
  const fields = new Map(found.fields.map((field) => [field.name, field]));
  for (const field of wanted.fields) {
    const other = fields.get(field.name);
    fields.delete(field.name);
    if (!other) differences.push(`struct ${name}: no field ${field.name}`);
    else if (other.offset !== field.offset || other.size !== field.size || other.type !== field.type) {
      differences.push(
        `struct ${name}: ${field.name} is ${other.type} at ${other.offset}, not ${field.type} at ${field.offset}`,
      );
    }
  }
  for (const extra of fields.keys()) differences.push(`struct ${name}: unexpected field ${extra}`);
  return differences;
}
