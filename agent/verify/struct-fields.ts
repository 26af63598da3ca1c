import { layouts } from "#agent/datapath/layouts.gen.ts";

/** A part of a structure in a map. */
export interface Field {
  /** As the datapath's headers call it: `below.rule`, `endpoint.policy[1]`, `padding at 19`. */
  readonly name: string;
  readonly at: number;
  readonly size: number;
}

/** Members that are structures themselves, by structure and member. */
const nested: Readonly<Record<string, string>> = {
  "interface.endpoint": "endpoint",
  "policy_entry.upper": "policy_decision",
  "policy_entry.below": "policy_decision",
};
/** Members that are arrays, with the size of an element. */
const arrays: Readonly<Record<string, number>> = { "endpoint.identity": 4, "endpoint.policy": 4 };

const known = new Map<string, readonly Field[]>();

/** All fields of a structure, with the bytes between them. */
export function fieldsOf(struct: string): readonly Field[] {
  let fields = known.get(struct);
  if (!fields) known.set(struct, (fields = withPadding(membersOf(struct), layouts[struct]?.size ?? 0)));
  return fields;
}

/** The fields in which two values of a structure differ. */
export function differingFields(struct: string, a: Uint8Array, b: Uint8Array): Field[] {
  return fieldsOf(struct).filter(({ at, size }) => {
    for (let i = at; i < at + size; i++) if (a[i] !== b[i]) return true;
    return false;
  });
}

function membersOf(struct: string): Field[] {
  return Object.entries(layouts[struct]?.members ?? {}).flatMap(([name, [at, size]]): Field[] => {
    const inner = nested[`${struct}.${name}`];
    if (inner) return membersOf(inner).map((field) => ({ ...field, name: `${name}.${field.name}`, at: at + field.at }));
    const element = arrays[`${struct}.${name}`];
    if (element === undefined) return [{ name, at, size }];
    return Array.from({ length: size / element }, (_, i) => {
      return { name: `${name}[${i}]`, at: at + i * element, size: element };
    });
  });
}

function withPadding(members: readonly Field[], size: number): Field[] {
  const fields = [...members];
  for (let at = 0; at < size; at++) {
    const isMember = members.some((field) => at >= field.at && at < field.at + field.size);
    if (!isMember) fields.push({ name: `padding at ${at}`, at, size: 1 });
  }
  return fields;
}
