import { isTransport } from "#policy/model/protocol.ts";
import type { Family } from "#policy/simulate/party-class.ts";
import { type PortSegment, firstPort, lastPort } from "#policy/simulate/port-segments.ts";
import { isPossible } from "./pair-change.ts";

/** Ports of one protocol or of several, as they are told. */
export interface PortGroup {
  /** `TCP`, `TCP, UDP, SCTP`, `any`, `any but TCP` */
  readonly protocol: string;
  /** `80`, `80-81,443`, `any`; of ICMP the types. */
  readonly ports: string;
  readonly segments: readonly PortSegment[];
}

type Protocol = PortSegment["protocol"];

/**
 * Puts segments of ports together: adjacent ones into ranges, and protocols with the same ranges.
 *
 * @param all What there is; segments that addresses of `families` cannot carry do not count.
 */
export function portGroups(
  segments: readonly PortSegment[],
  all: readonly PortSegment[],
  families: readonly Family[],
): PortGroup[] {
  const protocols = [...new Set(all.filter((one) => isPossible(one, families)).map(({ protocol }) => protocol))];
  const byPorts = new Map<string, { ports: string; protocols: Protocol[]; segments: PortSegment[] }>();
  for (const protocol of protocols) {
    const own = segments.filter((one) => one.protocol === protocol);
    if (own.length === 0) continue;
    const ports = portText(protocol, own);
    // Types of ICMP are not ports.
    const key = ports === ANY || hasPorts(protocol) ? ports : `${protocol} ${ports}`;
    const group = byPorts.get(key);
    if (group) {
      group.protocols.push(protocol);
      for (const segment of own) group.segments.push(segment);
    } else {
      byPorts.set(key, { ports, protocols: [protocol], segments: own });
    }
  }
  return [...byPorts.values()].map((group) => ({ ...group, protocol: protocolText(group.protocols, protocols) }));
}

const ANY = "any";

function protocolText(some: readonly Protocol[], all: readonly Protocol[]): string {
  if (!some.includes("other")) return some.join(", ");
  const others = all.filter((protocol) => !some.includes(protocol));
  return others.length === 0 ? ANY : `${ANY} but ${others.join(", ")}`;
}

function portText(protocol: Protocol, segments: readonly PortSegment[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const { first, last } of [...segments].sort((a, b) => a.first - b.first)) {
    const previous = ranges.at(-1);
    if (previous && previous.last + 1 === first) previous.last = last;
    else ranges.push({ first, last });
  }
  if (ranges[0]?.first === firstPort(protocol) && ranges[0].last === lastPort(protocol)) return ANY;
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function hasPorts(protocol: Protocol): boolean {
  return protocol !== "other" && isTransport(protocol);
}
