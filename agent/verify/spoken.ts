import { formatCidr, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { type FlowProtocol, PROTOCOLS, protocolNumbers } from "#policy/model/protocol.ts";

/**
 * What objects speak of, found by looking at every value in them, whatever it means there. So nothing is
 * missed that an object may tell traffic apart by; what is found for nothing costs only time.
 */
export interface Spoken {
  readonly prefixes: ReadonlySet<string>;
  /** Values by label key; a key alone may be asked for, too. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  /** Where ranges of ports begin, by protocol. */
  readonly ports: ReadonlyMap<FlowProtocol, ReadonlySet<number>>;
  /** Whether they may speak of ports by name. */
  readonly hasPortNames: boolean;
}

type Tree = Readonly<Record<string, unknown>>;

export function spokenOf(objects: readonly object[]): Spoken {
  const prefixes = new Set<string>();
  const labels = new Map<string, Set<string>>();
  const ports = new Map<FlowProtocol, Set<number>>();
  let hasPortNames = false;
  const addLabels = (key: string, values: readonly unknown[]): void => {
    const known = labels.get(key) ?? new Set();
    for (const value of values) if (typeof value === "string") known.add(value);
    labels.set(key, known);
  };
  const visit = (value: unknown, name: string): void => {
    if (typeof value === "string") {
      const prefix = name === "addresses" ? hostPrefix(value) : canonicalPrefix(value);
      if (prefix !== null) prefixes.add(prefix);
    } else if (Array.isArray(value)) {
      for (const item of value) visit(item, name);
    } else if (isTree(value)) {
      if (name === "matchLabels" || name === "selector") {
        for (const [key, wanted] of Object.entries(value)) addLabels(key, [wanted]);
      }
      if (typeof value["key"] === "string" && Array.isArray(value["values"])) addLabels(value["key"], value["values"]);
      addPorts(ports, value);
      hasPortNames ||= typeof value["port"] === "string" || value["kind"] === "name";
      for (const [key, inner] of Object.entries(value)) visit(inner, key);
    }
  };
  for (const object of objects) visit(object, "");
  return { prefixes, labels, ports, hasPortNames };
}

/** An item that names a protocol and, under whatever name, numbers of it. */
function addPorts(ports: Map<FlowProtocol, Set<number>>, { protocol, ...item }: Tree): void {
  if (typeof protocol !== "string") return;
  const protocols = protocol === "ANY" ? PROTOCOLS : [protocol].filter(isProtocol);
  const numbers = Object.values(item).filter((value) => typeof value === "number");
  for (const one of protocols) {
    const starts = ports.get(one) ?? new Set();
    for (const number of numbers) starts.add(number).add(number + 1);
    ports.set(one, starts);
  }
}

function isProtocol(text: string): text is FlowProtocol {
  return Object.hasOwn(protocolNumbers, text);
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}

function canonicalPrefix(text: string): string | null {
  const cidr = text.includes("/") ? parseCidr(text) : null;
  return cidr && formatCidr(cidr);
}

function hostPrefix(text: string): string | null {
  const address = parseAddress(text);
  return address && formatCidr(hostCidr(address));
}
