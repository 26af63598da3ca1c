import type { Protocol } from "./protocol.ts";

/** Labels as Kubernetes has them. Any key may occur, also `constructor`: look up with `Object.hasOwn`. */
export type Labels = Readonly<Record<string, string>>;

/** A container port that has a name. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/**
 * What a pod's identity stands for: everything about a pod that a policy can see,
 * except its address. Two pods with equal subjects have the same identity.
 */
export interface Subject {
  readonly namespace: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Only pods that declare named ports have any; sorted by name, protocol and port. */
  readonly namedPorts: readonly NamedPort[];
}

/** A node: what policies about nodes can see of it. */
export interface NodeSubject {
  readonly nodeLabels: Labels;
}

/** Whose policy is spoken of: a pod's or a node's. */
export type Governed = Subject | NodeSubject;

export function isNodeSubject(governed: Governed): governed is NodeSubject {
  return "nodeLabels" in governed;
}

/** The ports of a table that a name means for a protocol: none, one, or several when containers disagree. */
export function portsNamed(table: readonly NamedPort[], name: string, protocol: Protocol): number[] {
  return table.filter((entry) => entry.name === name && entry.protocol === protocol).map((entry) => entry.port);
}

/** A table of named ports in its one order, without repetitions. */
export function sortNamedPorts(ports: Iterable<NamedPort>): NamedPort[] {
  const byText = new Map<string, NamedPort>();
  for (const port of ports) byText.set(formatNamedPorts([port]), port);
  return [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}

/** `http:TCP/80,metrics:TCP/9090`: the text by which tables are compared and shown. */
export function formatNamedPorts(ports: readonly NamedPort[]): string {
  return ports.map((port) => `${port.name}:${port.protocol}/${port.port}`).join(",");
}
