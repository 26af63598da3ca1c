import type { Enforcement } from "#policy/compile/engine.ts";
import type { CidrMatchesPods } from "#policy/compile/conversion.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { trafficClasses } from "#policy/simulate/traffic-classes.ts";
import { World } from "#policy/simulate/world.ts";
import { Comparison, type Progress } from "./compare.ts";
import { Explanations } from "./example.ts";
import { mergeDifferences } from "./merge.ts";
import type { PolicyDiff } from "./policy-change.ts";
import { Side } from "./side.ts";
import { tellChanges } from "./tell.ts";

export interface DiffOptions {
  readonly enforcement?: Enforcement;
  readonly cidrMatchesPods?: CidrMatchesPods;
  /** Milliseconds since 1970: rules that have ended by then do not count. Missing: none has. */
  readonly at?: number;
  /** Judge the side after as if everything that is staged there were in force. */
  readonly includeStaged?: boolean;
  readonly progress?: Progress;
}

/**
 * All traffic whose verdict differs between two sets of objects: exhaustive over the classes that both together
 * cut out (see {@link trafficClasses}), not over samples. Pods that are only in one set are judged on the other
 * side as they are in that one.
 */
export function diffPolicies(
  before: Iterable<PolicyObject>,
  after: Iterable<PolicyObject>,
  { progress, includeStaged = false, ...options }: DiffOptions = {},
): PolicyDiff {
  const worlds = [new World(before, options), new World(after, options)] as const;
  const traffic = trafficClasses(worlds);
  const sides = [
    new Side(traffic, 0, { ...options, isPromoted: false }),
    new Side(traffic, 1, { ...options, isPromoted: includeStaged }),
  ] as const;
  const comparison = new Comparison(traffic, sides);
  const merged = mergeDifferences(
    comparison.differences(progress),
    traffic.segments,
    (source, destination) => comparison.families(source.item, destination.item) !== null,
  );
  const explanations = new Explanations(worlds[1], options, includeStaged);
  return {
    changes: tellChanges(merged, comparison, explanations),
    classes: comparison.classes,
    isComplete: traffic.isComplete && comparison.isComplete,
  };
}
