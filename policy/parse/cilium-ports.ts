import type { CiliumPorts } from "#policy/model/cilium-object.ts";
import { readServerName } from "./cilium-names.ts";
import type { RulePlace } from "./cilium-place.ts";
import { type PlacedPort, checkL7Port, readPort } from "./cilium-port.ts";
import { readL7Rules } from "./l7-rules.ts";
import type { Fields, Reader } from "./reader.ts";

/** Most ports in one item. */
const MAX_PORTS = 40;

/** An item of `toPorts`. */
export function readPorts(reader: Reader, place: RulePlace): CiliumPorts | null {
  const fields = reader.fields();
  if (!fields) return null;
  const ports = readList(fields.optional("ports"));
  const content = place.isDeny ? refuseContent(fields) : readContent(fields, place, ports);
  fields.refuseOthers();
  return { ports: ports.map(({ port }) => port), ...content };
}

function readList(reader: Reader | null): PlacedPort[] {
  const items = reader?.items() ?? [];
  if (items.length > MAX_PORTS) reader?.fail(`has ${items.length} items; at most ${MAX_PORTS} are accepted`);
  return items.map(readPort).filter((port) => port !== null);
}

type Content = Pick<CiliumPorts, "serverNames" | "l7">;

function refuseContent(fields: Fields): Content {
  for (const name of ["serverNames", "rules"]) fields.refuse(name, "cannot stand in a rule that denies");
  return { serverNames: [], l7: null };
}

/** What is asked of a connection beside its addresses and ports. */
function readContent(fields: Fields, { direction, isHost, regexes }: RulePlace, ports: readonly PlacedPort[]): Content {
  const namesField = fields.optional("serverNames");
  const serverNames = (namesField?.items() ?? []).map(readServerName).filter((name) => name !== null);
  const rulesField = fields.optional("rules");
  const l7 = rulesField && readL7Rules(rulesField, regexes);
  refuseTls(fields);
  const given = [...(l7 ? [rulesField] : []), ...(serverNames.length > 0 ? [namesField] : [])];
  if (isHost) for (const field of given) field?.fail("cannot stand in a policy with nodeSelector");
  else if (given.length > 1) namesField?.fail("cannot stand beside rules; use two items of toPorts");
  if (l7?.family === "dns") checkDnsPlace(fields, rulesField, direction);
  if (l7) for (const port of ports) checkL7Port(l7.family, port);
  return { serverNames: [...new Set(serverNames)], l7 };
}

/** DNS rules are for what a pod asks, at ports that are said. */
function checkDnsPlace(fields: Fields, rules: Reader | null, direction: RulePlace["direction"]): void {
  const ports = fields.optional("ports");
  const isEmpty = ports === null || ports.isEmptyList;
  const fault =
    direction === "ingress" ? "can only stand in egress" : isEmpty ? "needs ports; that of DNS is 53" : null;
  if (fault !== null) rules?.fields()?.optional("dns")?.fail(fault);
}

function refuseTls(fields: Fields): void {
  fields.refuse("listener", "is not supported: there is no Envoy whose listeners could be named");
  for (const name of ["terminatingTLS", "originatingTLS"]) {
    fields.refuse(name, "is not supported: TLS is not opened; serverNames can be asked for without that");
  }
}
