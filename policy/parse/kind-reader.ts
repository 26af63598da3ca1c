import type { ObjectControls } from "#policy/model/controls.ts";
import type { PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import type { ObjectBase } from "#policy/model/object-base.ts";
import type { Entry, Fields } from "./reader.ts";

/** What a policy has before its kind is read. */
export interface PolicyBase extends ObjectBase {
  readonly controls: ObjectControls;
}

/**
 * Reads the fields of one kind, apart from those that all kinds have. Reports what is
 * wrong; returns null, or anything of the right shape, when something is.
 */
export type KindReader<T extends PolicyObject> = (
  object: Fields,
  base: [T] extends [PolicyKindObject] ? PolicyBase : ObjectBase,
  labels: Record<string, string>,
  annotations: readonly Entry[],
) => T | null;
