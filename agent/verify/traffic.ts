import { type FlowProtocol, isTransport, protocolNumbers } from "#policy/model/protocol.ts";

/** Ports of a protocol that nothing tells apart; of ICMP the types. */
export interface Segment {
  readonly protocol: FlowProtocol;
  readonly first: number;
  readonly last: number;
}

const protocols = Object.keys(protocolNumbers) as FlowProtocol[];

/** Cuts all traffic where ports begin that something tells from those before. */
export function segmentsOf(starts: Iterable<readonly [FlowProtocol, number]>): Segment[] {
  const cuts = new Map(protocols.map((protocol) => [protocol, new Set([0])]));
  for (const [protocol, port] of starts) {
    if (port <= lastPort(protocol)) cuts.get(protocol)?.add(port);
  }
  return protocols.flatMap((protocol) => {
    const firsts = [...(cuts.get(protocol) ?? [])].sort((a, b) => a - b);
    return firsts.map((first, i) => ({ protocol, first, last: (firsts[i + 1] ?? lastPort(protocol) + 1) - 1 }));
  });
}

/** `TCP/80-442`, `ICMP/8`, `GRE` */
export function segmentName({ protocol, first, last }: Segment): string {
  if (first === 0 && last === lastPort(protocol)) return protocol;
  return first === last ? `${protocol}/${first}` : `${protocol}/${first}-${last}`;
}

function lastPort(protocol: FlowProtocol): number {
  if (isTransport(protocol)) return 65_535;
  return protocol === "ICMP" || protocol === "ICMPv6" ? 255 : 0;
}
