import type { CiliumRule } from "#policy/model/cilium-object.ts";
import { readIcmp } from "./cilium-icmp.ts";
import { NO_PEERS, readPeers } from "./cilium-peers.ts";
import type { RulePlace } from "./cilium-place.ts";
import { readPorts } from "./cilium-ports.ts";
import { readEndpointSelector } from "./cilium-selector.ts";
import type { Fields, Reader } from "./reader.ts";

/** An item of `ingress`, `ingressDeny`, `egress` or `egressDeny`. */
export function readRule(reader: Reader, place: RulePlace): CiliumRule {
  const fields = reader.isNull ? reader.fail("is empty; write {} for a rule that matches nothing") : reader.fields();
  if (!fields) return { line: reader.line, ...NO_PEERS, requires: [], ports: null, icmps: null };
  const peers = readPeers(fields, place);
  const requires = readRequires(fields, place);
  if (place.isDeny) refuseInDeny(fields, place);
  else readAuthentication(fields);

  // An empty list of ports means what a missing one means.
  const portsField = fields.optional("toPorts");
  const portItems = portsField?.items() ?? [];
  const ports = portItems.map((item) => readPorts(item, place)).filter((item) => item !== null);
  const icmpsField = fields.optional("icmps");
  const icmpItems = icmpsField?.items() ?? [];
  const icmps = icmpItems.flatMap(readIcmp);
  fields.refuseOthers();
  if (portItems.length > 0 && icmpItems.length > 0) icmpsField?.fail("cannot stand beside toPorts; use two rules");
  return {
    line: reader.line,
    ...peers,
    requires,
    ports: portItems.length > 0 ? ports : null,
    icmps: icmpItems.length > 0 ? icmps : null,
  };
}

function requiresField({ direction }: RulePlace): string {
  return direction === "ingress" ? "fromRequires" : "toRequires";
}

function readRequires(fields: Fields, place: RulePlace): CiliumRule["requires"] {
  if (place.isDeny) return [];
  return (fields.optional(requiresField(place))?.items() ?? []).map(readEndpointSelector);
}

function refuseInDeny(fields: Fields, place: RulePlace): void {
  const names = [requiresField(place), "authentication", ...(place.direction === "egress" ? ["toFQDNs"] : [])];
  for (const name of names) fields.refuse(name, "cannot stand in a rule that denies");
}

function readAuthentication(fields: Fields): void {
  const authentication = fields.optional("authentication")?.fields();
  authentication
    ?.required("mode")
    ?.text((mode) => (mode === "disabled" ? null : "is not supported: peers do not prove who they are; use disabled"));
  authentication?.refuseOthers();
}
