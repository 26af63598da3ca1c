import { stringify } from "yaml";
import type { NamedPort } from "#policy/model/identity.ts";

type Labels = Readonly<Record<string, string>>;

/** A Namespace as YAML. */
export function namespaceObject(name: string, labels: Labels = {}): string {
  return stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
}

export interface PodSpec {
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly ports?: readonly NamedPort[];
}

/** A Pod as YAML, with as much of it as policy looks at. */
export function podObject({ namespace = "default", name, labels = {}, annotations = {}, ports = [] }: PodSpec): string {
  const containerPorts = ports.map((port) => ({ name: port.name, protocol: port.protocol, containerPort: port.port }));
  return stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels, annotations },
    spec: { containers: [{ name: "main", image: "main", ports: containerPorts }] },
  });
}
