import type { FlowProtocol, Protocol } from "./protocol.ts";

/**
 * Ports of one protocol that a rule speaks of: all of them, a range (a single port is
 * a range of one; of ICMP the types), or whatever the pod that is connected to calls by a name.
 */
export type PortMatch =
  | { readonly protocol: FlowProtocol; readonly kind: "all" }
  | { readonly protocol: FlowProtocol; readonly kind: "range"; readonly first: number; readonly last: number }
  | { readonly protocol: Protocol; readonly kind: "name"; readonly name: string };

/** Ports that share their `bits` leading bits (0 to 16); the other bits of `port` are zero. Host order. */
export interface PortPrefix {
  readonly port: number;
  readonly bits: number;
}

/**
 * The fewest prefixes that cover a range of ports exactly and without overlap: at most 30.
 * `first` and `last` are both in the range, 0 to 65535.
 */
export function portPrefixes(first: number, last: number): PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  for (let port = first; port <= last;) {
    // The largest block that begins here and does not pass the end.
    let size = port === 0 ? 65536 : port & -port;
    while (port + size - 1 > last) size >>= 1;
    prefixes.push({ port, bits: 16 - Math.log2(size) });
    port += size;
  }
  return prefixes;
}
