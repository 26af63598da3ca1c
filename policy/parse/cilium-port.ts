import type { CiliumPort } from "#policy/model/cilium-object.ts";
import type { L7Family } from "#policy/model/l7.ts";
import { PORTLESS_PROTOCOLS, PROTOCOLS } from "#policy/model/protocol.ts";
import { portNameFault } from "./names.ts";
import type { Fields, Reader } from "./reader.ts";

const WITH_PORTS = [...PROTOCOLS, "ANY"] as const;
const PORT_PROTOCOLS = [...WITH_PORTS, "ICMP", "ICMPv6", ...PORTLESS_PROTOCOLS] as const;
const LAST_PORT = 65535;

/** A port, and where it was read. */
export interface PlacedPort {
  readonly port: CiliumPort;
  readonly item: Reader;
  readonly fields: Fields;
}

/** An item of `ports`. */
export function readPort(item: Reader): PlacedPort | null {
  const fields = item.fields();
  if (!fields) return null;
  const protocolField = fields.optional("protocol");
  const protocol = protocolField ? protocolField.oneOf(PORT_PROTOCOLS) : "ANY";
  const hasPorts = protocol === null || (WITH_PORTS as readonly string[]).includes(protocol);
  const portField = hasPorts ? fields.required("port") : fields.optional("port");
  const port = portField && readNumberOrName(portField);
  const endField = fields.optional("endPort");
  // 0 is what a missing one is in Go.
  const endPort = endField?.integer(0, LAST_PORT) || null;
  fields.refuseOthers();
  if (!hasPorts && port !== null && port !== 0) portField?.fail(`${port} is not 0; ${protocol} has no ports`);
  if (!hasPorts && endPort !== null) endField?.fail(`must be left out; ${protocol} has no ports`);
  if (hasPorts && endField && endPort !== null) checkEnd(endField, endPort, port);
  if (protocol === null || (hasPorts && port === null)) return null;
  if (port === 0 || port === null) return { port: { protocol, port: null, endPort: null }, item, fields };
  const isRange = typeof port === "number" && endPort !== port;
  return { port: { protocol, port, endPort: isRange ? endPort : null }, item, fields };
}

/** A number, also as text, or a name in lower case. */
function readNumberOrName(reader: Reader): number | string | null {
  if (reader.isNumber) return reader.integer(0, LAST_PORT);
  const text = reader.text((value) => {
    if (!/^[0-9]+$/.test(value)) return portNameFault(value.toLowerCase());
    const isPort = /^(0|[1-9][0-9]{0,4})$/.test(value) && Number(value) <= LAST_PORT;
    return isPort ? null : `is not a whole number from 0 to ${LAST_PORT}`;
  });
  if (text === null) return null;
  return /^[0-9]+$/.test(text) ? Number(text) : text.toLowerCase();
}

function checkEnd(reader: Reader, endPort: number, port: number | string | null): void {
  if (typeof port === "string") reader.fail(`cannot stand beside a port's name, "${port}"`);
  else if (port === 0 && endPort === LAST_PORT) return;
  else if (port === 0) reader.fail("cannot stand beside port 0, which means every port; begin at 1");
  else if (port !== null && endPort < port) reader.fail(`${endPort} is smaller than port, ${port}`);
}

/** Reports a port on which the proxy cannot read what rules of the family speak of. */
export function checkL7Port(family: L7Family, { port: { protocol, port, endPort }, item, fields }: PlacedPort): void {
  const accepted: readonly CiliumPort["protocol"][] = family === "dns" ? ["TCP", "UDP", "ANY"] : ["TCP"];
  const protocolField = fields.optional("protocol");
  if (!accepted.includes(protocol)) {
    const what = protocolField ? protocol : "a missing protocol is ANY, which";
    (protocolField ?? item).fail(`${what} cannot have ${family} rules; accepted are ${accepted.join(", ")}`);
  } else if (port === null) {
    fields.optional("port")?.fail(`0 means every port, which cannot have ${family} rules; name one`);
  } else if (family === "dns" && endPort !== null) {
    fields.optional("endPort")?.fail("cannot stand with dns rules, which are for single ports");
  }
}
