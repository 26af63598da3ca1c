import type { SeenPort, SeenTraffic } from "./traffic.ts";
import { describeSeen } from "./words.ts";

export const DNS_PORT = 53;

/** A DNS name that a policy can be about. */
const NAME = /^[-a-z0-9_]+(\.[-a-z0-9_]+)*$/;
const LONGEST = 255;

interface Split {
  /** What policy can know by DNS names. */
  readonly named: readonly SeenTraffic[];
  /** All else, by addresses and labels. */
  readonly others: readonly SeenTraffic[];
  readonly remarks: readonly string[];
}

/**
 * Tells traffic to DNS names apart. Names become known from the answers to queries; where no query
 * was seen there would be none, and the address is taken. So it is of those that answer queries.
 */
export function splitNames(egress: readonly SeenTraffic[]): Split {
  const asks = egress.some(({ ports }) => ports.some(isDns));
  const named: SeenTraffic[] = [];
  const others: SeenTraffic[] = [];
  const remarks: string[] = [];
  for (const seen of egress) {
    const names = namesOf(seen);
    if (names.length === 0) {
      others.push(seen);
    } else if (asks) {
      named.push({ ...seen, peer: { kind: "party", party: "world", address: null, names } });
    } else {
      others.push(seen);
      remarks.push(`to ${describeSeen(seen.peer)}: by its address, because no DNS query was seen (port ${DNS_PORT})`);
    }
  }
  return { named, others, remarks };
}

export function isDns({ protocol, port }: SeenPort): boolean {
  return port === DNS_PORT && (protocol === "UDP" || protocol === "TCP");
}

function namesOf({ peer, ports }: SeenTraffic): string[] {
  if (peer.kind !== "party" || peer.party !== "world" || ports.some(isDns)) return [];
  return peer.names.filter((name) => name.length <= LONGEST && NAME.test(name));
}
