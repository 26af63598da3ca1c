import { formatNamedPorts, type Labels, type Subject } from "#policy/model/identity.ts";
import { RESERVED_IDENTITIES } from "./reserved.ts";

/** Labels that are shown of an identity besides the pod's own: the field's names where it has one. */
const NAMESPACE = "io.kubernetes.pod.namespace";
const SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
const NAMED_PORTS = "weir.io/named-ports";

/**
 * Labels that controllers write and that differ between the pods or the versions of one
 * workload: with them every rollout, and every pod of some kinds, would be an identity
 * of its own.
 */
const VOLATILE: ReadonlySet<string> = new Set([
  "pod-template-hash",
  "pod-template-generation",
  "controller-revision-hash",
  "controller-uid",
  "job-name",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
]);
const VOLATILE_PREFIXES: readonly string[] = ["batch.kubernetes.io/"];

/**
 * The labels that a pod's identity stands for: all but the volatile ones.
 *
 * @param used keys that some policy's selector names; these count whatever they are.
 */
export function relevantLabels(labels: Labels, used: ReadonlySet<string> = new Set()): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => used.has(key) || !isVolatile(key)));
}

/** A subject as it is shown: one flat map of its labels and everything else it stands for. */
export function identityLabels({ namespace, labels, serviceAccount, namedPorts }: Subject): Record<string, string> {
  return {
    ...labels,
    [NAMESPACE]: namespace,
    [SERVICE_ACCOUNT]: serviceAccount,
    ...(namedPorts.length > 0 && { [NAMED_PORTS]: formatNamedPorts(namedPorts) }),
  };
}

/** What is shown of a reserved identity: `{"reserved:host": ""}`; undefined when the number is none. */
export function reservedLabels(identity: number): Record<string, string> | undefined {
  const name = RESERVED_IDENTITIES.get(identity);
  return name === undefined ? undefined : { [`reserved:${name}`]: "" };
}

/** As in flows: `["k8s:app=web", ...]`, sorted; `["reserved:host"]`. */
export function labelList(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels)
    .map(([key, value]) => {
      if (key.startsWith("reserved:")) return key;
      return `${key === NAMED_PORTS ? "weir" : "k8s"}:${key}=${value}`;
    })
    .sort();
}

function isVolatile(key: string): boolean {
  return VOLATILE.has(key) || VOLATILE_PREFIXES.some((prefix) => key.startsWith(prefix));
}
