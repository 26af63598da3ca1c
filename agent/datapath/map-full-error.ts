import { BpfError } from "libbpf-ts";
import { WeirError } from "#agent/runtime/errors.ts";

/** Maps of the datapath that can be full, and the option of the agent that says how large each is. */
export const mapOptions = {
  conntrack4: "conntrack4-entries",
  conntrack6: "conntrack6-entries",
  endpoints: "endpoints-max",
  fragments: "fragment-entries",
  interfaces: "endpoints-max",
  ipcache: "ipcache-entries",
  limits: "rules-max",
  nat4: "nat4-entries",
  nat6: "nat6-entries",
  policy: "endpoints-max",
  policy_slot: "policy-map-entries",
  prefilter: "prefilter-entries",
  rule_hits: "rules-max",
} as const;
export type BoundedMap = keyof typeof mapOptions;

/** A map of the datapath takes no more entries. */
export class MapFullError extends WeirError<"map-full"> {
  readonly map: BoundedMap;

  constructor(map: BoundedMap, capacity: number, options?: ErrorOptions) {
    const complaint = {
      asked: `write map ${map}`,
      obstacle: `it is full with ${capacity} entries`,
      remedy: `raise --${mapOptions[map]}`,
    };
    super("map-full", complaint, options);
    this.map = map;
  }
}

/**
 * Writes to a map.
 *
 * @throws MapFullError where the kernel says that it is full.
 */
export function filling<T>(map: BoundedMap, capacity: number, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    if (!(cause instanceof BpfError) || cause.code !== "full") throw cause;
    throw new MapFullError(map, capacity, { cause });
  }
}
