import { diffPolicies, type DiffOptions } from "#policy/diff/diff.ts";
import type { PolicyChange } from "#policy/diff/policy-change.ts";
import type { Labels } from "#policy/model/identity.ts";
import type { PodObject, PolicyObject } from "#policy/model/object.ts";

const source = { file: "pods.yaml", line: 1 };

/** A pod `NAMESPACE/APP-NUMBER` with its app as a label, and a hash that no rule looks at. */
export function podObject(name: string, addresses: readonly string[], labels: Labels = {}): PodObject {
  const [namespace = "", own = ""] = name.split("/");
  const [app = ""] = own.split("-");
  const what = { serviceAccount: "default", namedPorts: [], hostNetwork: false };
  return { kind: "Pod", namespace, name: own, source, labels: { app, hash: own, ...labels }, addresses, ...what };
}

/** Two web pods and a database of the namespace `n`, and one pod elsewhere. */
export const shop: readonly PolicyObject[] = [
  podObject("n/web-1", ["10.0.0.1"]),
  podObject("n/web-2", ["10.0.0.2"]),
  podObject("n/db-0", ["10.0.0.9"]),
  podObject("m/web-1", ["10.0.1.1"]),
];

/** Changes as `BEFORE>AFTER SOURCE -> DESTINATION PROTOCOL PORTS`. */
export function told(before: readonly PolicyObject[], after: readonly PolicyObject[], options?: DiffOptions): string[] {
  return diffPolicies(before, after, options).changes.map(changeText);
}

export function changeText({ before, after, source, destination, protocol, ports }: PolicyChange): string {
  return `${before}>${after} ${source.description} -> ${destination.description} ${protocol} ${ports}`;
}
