import type { ClusterPort } from "#policy/model/cluster-object.ts";
import { PROTOCOLS, type Protocol } from "#policy/model/protocol.ts";
import type { ClusterDialect } from "./cluster-dialect.ts";
import { readLimitedItems, readOneOf } from "./limited-items.ts";
import { portNameFault } from "./names.ts";
import type { Fields, Reader } from "./reader.ts";

/** A port and where its name stands. */
export interface PlacedPort {
  readonly field: Reader;
  readonly port: ClusterPort;
}

const TRANSPORTS = { tcp: "TCP", udp: "UDP", sctp: "SCTP" } as const;

/** The ports of a rule; none where it does not speak of ports. */
export function readClusterPorts(rule: Fields, { ports: name, most }: ClusterDialect): PlacedPort[] {
  const list = rule.optional(name);
  const items = list ? readLimitedItems(list, { least: 1, most, of: name }) : [];
  const read = name === "protocols" ? readProtocol : readPort;
  return items.map(read).filter((port) => port !== null);
}

/** An item of `protocols`. */
function readProtocol(item: Reader): PlacedPort | null {
  const choice = oneOf(item, ["tcp", "udp", "sctp", "destinationNamedPort"]);
  if (!choice) return null;
  const { name, value } = choice;
  if (name === "destinationNamedPort") return readName(value);
  const fields = value.fields();
  const destination = fields?.required("destinationPort");
  fields?.refuseOthers();
  const port = destination && oneOf(destination, ["number", "range"]);
  if (!port) return null;
  if (port.name === "number") return single(port.value, TRANSPORTS[name], port.value.integer(1, 65535));
  const range = port.value.fields();
  if (!range) return null;
  const read = readRange(range, port.value, TRANSPORTS[name], 1);
  range.refuseOthers();
  return read;
}

/** An item of `ports`, as in v1alpha1. */
function readPort(item: Reader): PlacedPort | null {
  const choice = oneOf(item, ["portNumber", "portRange", "namedPort"]);
  if (!choice) return null;
  const { name, value } = choice;
  if (name === "namedPort") return readName(value);
  const fields = value.fields();
  if (!fields) return null;
  const given = fields.optional("protocol");
  const protocol = given ? given.oneOf(PROTOCOLS) : "TCP";
  const read =
    name === "portNumber"
      ? single(value, protocol, fields.required("port")?.integer(1, 65535) ?? null)
      : readRange(fields, value, protocol, 0);
  fields.refuseOthers();
  return read;
}

function oneOf<T extends string>(
  item: Reader,
  names: readonly T[],
): { readonly name: T; readonly value: Reader } | null {
  const fields = item.fields();
  const choice = fields && readOneOf(fields, names);
  fields?.refuseOthers();
  return choice;
}

function readName(field: Reader): PlacedPort | null {
  const name = field.text(portNameFault);
  return name === null ? null : { field, port: { kind: "name", name } };
}

function single(field: Reader, protocol: Protocol | null, port: number | null): PlacedPort | null {
  if (protocol === null || port === null) return null;
  return { field, port: { kind: "range", protocol, first: port, last: port } };
}

/** @param least How far its end must be behind its start. */
function readRange(fields: Fields, field: Reader, protocol: Protocol | null, least: number): PlacedPort | null {
  const first = fields.required("start")?.integer(1, 65535) ?? null;
  const end = fields.required("end");
  const last = end?.integer(1, 65535) ?? null;
  if (first === null || last === null) return null;
  const fault = least > 0 ? "not greater" : "smaller";
  if (last < first + least) end?.fail(`${last} is ${fault} than start, ${first}`);
  return protocol && { field, port: { kind: "range", protocol, first, last } };
}
