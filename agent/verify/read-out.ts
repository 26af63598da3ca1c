import type { EnforcementSnapshot } from "#agent/endpoint/enforcement-views.ts";
import type { MapImage } from "#agent/datapath/kernel.ts";
import type { RuleDescription, Rule } from "#policy/model/rule.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/** Numbers of sets of rules; nothing gets a new one here. */
export interface KnownReferences {
  find(rules: readonly Rule[]): number | undefined;
  lookup(reference: number): readonly RuleDescription[];
}

/** Kernel and agent at one moment in which nothing changes. */
export interface ReadOut {
  readonly snapshot: EnforcementSnapshot;
  /** In force. */
  readonly objects: readonly PolicyObject[];
  readonly revision: bigint;
  readonly generation: bigint;
  readonly endpoints: MapImage;
  readonly interfaces: MapImage;
  readonly ipcache: MapImage;
  readonly limits: MapImage;
  readonly bandwidths: MapImage;
  /** Undefined: the outer map does not name the slot. */
  readonly slots: ReadonlyMap<number, MapImage | undefined>;
}
