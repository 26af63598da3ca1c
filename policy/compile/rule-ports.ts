import { type NamedPort, portsNamed } from "#policy/model/identity.ts";
import { type PortMatch, portPrefixes } from "#policy/model/port.ts";
import { ANY_PROTOCOL, protocolNumbers } from "#policy/model/protocol.ts";
import type { Rule } from "#policy/model/rule.ts";
import type { PortKey } from "./port-map.ts";

export type NamedPortMatch = PortMatch & { readonly kind: "name" };

/** Ingress rules name ports of the pod that they protect, egress rules ports of the peer. */
export function resolvesOnSubject({ direction, ports }: Rule): boolean {
  return direction === "ingress" && ports !== null && ports.some(({ kind }) => kind === "name");
}

/**
 * The ports of a rule as prefixes, and those that must be looked up in each peer's table.
 *
 * @param namedPorts Of the subject.
 */
export function resolvePorts(
  rule: Rule,
  namedPorts: readonly NamedPort[],
): { keys: PortKey[]; names: NamedPortMatch[] } {
  if (rule.ports === null) return { keys: [{ protocol: ANY_PROTOCOL, port: 0, bits: 0 }], names: [] };
  const keys: PortKey[] = [];
  const names: NamedPortMatch[] = [];
  for (const match of rule.ports) {
    const protocol = protocolNumbers[match.protocol];
    if (match.kind === "all") {
      keys.push({ protocol, port: 0, bits: 0 });
    } else if (match.kind === "range") {
      for (const { port, bits } of portPrefixes(match.first, match.last)) keys.push({ protocol, port, bits });
    } else if (rule.direction === "ingress") {
      for (const port of portsNamed(namedPorts, match.name, match.protocol)) keys.push({ protocol, port, bits: 16 });
    } else {
      names.push(match);
    }
  }
  return { keys, names };
}
