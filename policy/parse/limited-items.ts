import type { Reader } from "./reader.ts";

export interface Limits {
  readonly least: number;
  readonly most: number;
  /** What the items are called. */
  readonly of: string;
}

/** The items of a list, which are reported where they are too few or too many. */
export function readLimitedItems(list: Reader, { least, most, of }: Limits): Reader[] {
  const items = list.items();
  if (items.length > most) list.fail(`has ${items.length} ${of}; at most ${most} are accepted`);
  if (items.length < least && list.isEmptyList) list.fail(`is empty; at least ${least} is needed`);
  return items;
}

/** The one field of these that a mapping must have; null, with an error, where it has none or several. */
export function readOneOf<T extends string>(
  fields: { optional(name: string): Reader | null; readonly owner: Reader },
  names: readonly T[],
): { readonly name: T; readonly value: Reader } | null {
  const given = names.flatMap((name) => {
    const value = fields.optional(name);
    return value ? [{ name, value }] : [];
  });
  if (given.length === 1) return given[0] ?? null;
  const has = given.length === 0 ? "none" : given.map(({ name }) => name).join(" and ");
  return fields.owner.fail(`has ${has}; exactly one of ${names.join(", ")} must be there`);
}
