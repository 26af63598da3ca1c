import type { MapFill } from "#agent/datapath/kernel.ts";
import { type BoundedMap, mapOptions } from "#agent/datapath/map-full-error.ts";

/** Shares of a map from which on it is told of, and below which it is not any more: so that status does not flap. */
interface Bounds {
  readonly from: number;
  readonly until: number;
}

/** The kernel makes room by itself in these, at the cost of somebody. */
const evicting: Bounds = { from: 0.8, until: 0.7 };
/** These refuse what has no room. */
const refusing: Bounds = { from: 0.9, until: 0.85 };

/** What becomes of what has no room. */
const losses: Readonly<Record<BoundedMap, string>> = {
  conntrack4: "the connections that were idle the longest are forgotten",
  conntrack6: "the connections that were idle the longest are forgotten",
  endpoints: "no pod can be added",
  fragments: "fragments of datagrams under way are dropped",
  interfaces: "no pod can be added",
  ipcache: "no pod and no CIDR of a rule can be added",
  limits: "policy with further limits is refused",
  nat4: "the masqueraded flows that were idle the longest are cut",
  nat6: "the masqueraded flows that were idle the longest are cut",
  policy: "policy changes are refused, and pods with a policy that no other has",
  policy_slot: "policy that needs more entries is refused",
  prefilter: "no address can be added to the prefilter",
  rule_hits: "hits of further rules are not counted",
};

const evictingMaps: ReadonlySet<BoundedMap> = new Set(["conntrack4", "conntrack6", "fragments", "nat4", "nat6"]);

/** Which maps are nearly full. */
export class MapPressure {
  readonly #told = new Set<BoundedMap>();

  /** One sentence for each, given how full all are now. */
  problems(fills: readonly MapFill[]): string[] {
    return fills.flatMap((fill) => {
      const { name, entries, capacity } = fill;
      const { from, until } = evictingMaps.has(name) ? evicting : refusing;
      if (entries >= from * capacity) this.#told.add(name);
      else if (entries < until * capacity) this.#told.delete(name);
      return this.#told.has(name) ? [sentence(fill)] : [];
    });
  }
}

function sentence({ name, entries, capacity }: MapFill): string {
  const isFull = entries >= capacity;
  const fill = isFull ? `full (${entries} entries)` : `${Math.floor((100 * entries) / capacity)} % full`;
  const of = isFull ? "" : ` (${entries} of ${capacity} entries)`;
  const loss = isFull ? losses[name] : `when it is full, ${losses[name]}`;
  const what = name === "policy_slot" ? "a policy map" : `map ${name}`;
  return `${what} is ${fill}${of}: ${loss}; raise --${mapOptions[name]}`;
}
