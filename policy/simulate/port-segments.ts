import { portsNamed, type NamedPort } from "#policy/model/identity.ts";
import {
  type FlowProtocol,
  PORTLESS_PROTOCOLS,
  PROTOCOLS,
  isTransport,
  protocolNumbers,
} from "#policy/model/protocol.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { World } from "./world.ts";

/** Ports of a protocol that no rule can tell apart. */
export interface PortSegment {
  /** `other`: any that no rule names and that is not among the common ones. */
  readonly protocol: FlowProtocol | "other";
  /** IP protocol number; one of them for `other`. */
  readonly number: number;
  /** ICMP: the type. Without ports: 0. */
  readonly first: number;
  readonly last: number;
  /** As flows have it; null: only a number that no flow can name. */
  readonly example: FlowProtocol | null;
}

const ALWAYS = [...PROTOCOLS, "ICMP", "ICMPv6"] as const satisfies FlowProtocol[];
/** For experiments (RFC 3692): no rule can name it. */
const UNNAMED = 253;

/** The lowest port, or ICMP type, of a protocol: nobody listens on port 0. */
export function firstPort(protocol: PortSegment["protocol"]): number {
  return protocol !== "other" && isTransport(protocol) ? 1 : 0;
}

/** The highest port, or ICMP type, of a protocol. */
export function lastPort(protocol: PortSegment["protocol"]): number {
  if (protocol === "other") return 0;
  if (isTransport(protocol)) return 65_535;
  return protocol === "ICMP" || protocol === "ICMPv6" ? 255 : 0;
}

/** Splits all protocols and ports by everything that rules say of them; by protocol, then port. */
export function portSegments(worlds: readonly World[]): PortSegment[] {
  const borders = new Map<FlowProtocol, Set<number>>(
    ALWAYS.map((protocol) => [protocol, new Set([firstPort(protocol)])]),
  );
  const cut = (protocol: FlowProtocol, first: number, last: number): void => {
    let set = borders.get(protocol);
    if (!set) borders.set(protocol, (set = new Set([firstPort(protocol)])));
    set.add(Math.max(first, firstPort(protocol))).add(last + 1);
  };
  for (const match of portMatches(worlds)) {
    if (match.kind === "range") cut(match.protocol, match.first, match.last);
    else if (match.kind === "all") cut(match.protocol, 0, lastPort(match.protocol));
    else for (const port of namedPorts(worlds, match)) cut(match.protocol, port, port);
  }
  const segments = [...borders].flatMap(([protocol, set]) => {
    const end = lastPort(protocol);
    const starts = [...set].filter((port) => port <= end).sort((a, b) => a - b);
    return starts.map((first, i): PortSegment => {
      const last = (starts[i + 1] ?? end + 1) - 1;
      return { protocol, number: protocolNumbers[protocol], first, last, example: protocol };
    });
  });
  const example = PORTLESS_PROTOCOLS.find((protocol) => !borders.has(protocol)) ?? null;
  return [...segments, { protocol: "other", number: UNNAMED, first: 0, last: 0, example }];
}

/** What rules say of ports, each once. */
function portMatches(worlds: readonly World[]): PortMatch[] {
  const matches = new Map<string, PortMatch>();
  for (const { policies } of worlds) {
    for (const { rules } of policies) {
      for (const { ports } of rules) for (const match of ports ?? []) matches.set(portMatchKey(match), match);
    }
  }
  const order = [...ALWAYS, ...PORTLESS_PROTOCOLS];
  return [...matches.values()].sort((a, b) => order.indexOf(a.protocol) - order.indexOf(b.protocol));
}

function portMatchKey(match: PortMatch): string {
  if (match.kind === "all") return `${match.protocol} all`;
  return `${match.protocol} ${match.kind === "name" ? match.name : `${match.first}-${match.last}`}`;
}

/** All that pods call by a name. */
function namedPorts(worlds: readonly World[], { name, protocol }: PortMatch & { kind: "name" }): Set<number> {
  const ports = new Set<number>();
  for (const { pods } of worlds) {
    for (const pod of pods.values()) for (const port of portsNamed(pod.namedPorts, name, protocol)) ports.add(port);
  }
  return ports;
}

/** Those of a pod that some rule of a world speaks of by name, as text. */
export function usedNames(world: World): (ports: readonly NamedPort[]) => string {
  const names = new Set<string>();
  for (const match of portMatches([world])) if (match.kind === "name") names.add(`${match.protocol} ${match.name}`);
  return (ports) =>
    ports
      .filter(({ protocol, name }) => names.has(`${protocol} ${name}`))
      .map(({ protocol, name, port }) => `${protocol} ${name} ${port}`)
      .join(",");
}
