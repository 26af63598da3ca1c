import type { PolicyObject, Source } from "#policy/model/object.ts";
import type { Fields } from "./reader.ts";

/**
 * Reads the fields of one kind, apart from those that all kinds have. Reports what is
 * wrong; returns null, or anything of the right shape, when something is.
 */
export type KindReader<T extends PolicyObject> = (
  object: Fields,
  base: { readonly namespace: string; readonly name: string; readonly source: Source },
  labels: Record<string, string>,
) => T | null;
