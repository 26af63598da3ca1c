import type { Flow } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { CountedFlow } from "#policy/simulate/recorded-flows.ts";
import { FlowResolver } from "#policy/simulate/resolve-flow.ts";
import { World } from "#policy/simulate/world.ts";

export interface ReadFlows {
  readonly flows: readonly Flow[];
  /** Connections that were always dropped, and are left out. */
  readonly dropped: number;
  /** Connections of which nobody can say who was at an end. */
  readonly unresolved: number;
}

/**
 * The recorded flows that a suggestion is to allow, each with who its ends are by the objects.
 *
 * @param includeDenied Also those that were always dropped.
 */
export function readFlows(
  objects: Iterable<PolicyObject>,
  recorded: readonly CountedFlow[],
  includeDenied: boolean,
): ReadFlows {
  const resolver = new FlowResolver(new World(objects));
  const counting = recorded.filter(({ count, dropped }) => includeDenied || dropped < count);
  const flows = counting.map((one) => resolver.resolve(one)).filter((flow) => flow !== null);
  return { flows, dropped: recorded.length - counting.length, unresolved: counting.length - flows.length };
}
