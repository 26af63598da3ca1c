import type { FlowWorkload } from "#agent/api/flow.ts";
import type { Labels } from "#policy/model/identity.ts";

/** Labels that only the controllers themselves write. */
const TEMPLATE_HASH = "pod-template-hash";
const SET_POD = "statefulset.kubernetes.io/pod-name";
const JOB = "batch.kubernetes.io/job-name";

/**
 * What made a pod, as people know it: by its owner, and the owner's where a name tells it, or, where no Pod object
 * says who that is, by the labels that controllers write. Undefined: nobody says.
 */
export function workloadOf(pod: string, labels: Labels, owner: FlowWorkload | undefined): FlowWorkload | undefined {
  const made = owner ?? madeBy(pod, labels);
  if (made?.kind === "ReplicaSet") {
    const deployment = without(made.name, `-${labels[TEMPLATE_HASH] ?? ""}`);
    return deployment === null ? made : { kind: "Deployment", name: deployment };
  }
  if (made?.kind === "Job") {
    // A CronJob appends the minutes since 1970.
    const [, name] = /^(.+)-\d{8,10}$/.exec(made.name) ?? [];
    return name === undefined ? made : { kind: "CronJob", name };
  }
  return made;
}

function madeBy(pod: string, labels: Labels): FlowWorkload | undefined {
  const { [TEMPLATE_HASH]: hash, [SET_POD]: setPod, [JOB]: job } = labels;
  if (job) return { kind: "Job", name: job };
  const ordinal = /^(.+)-\d+$/.exec(pod);
  if (setPod === pod && ordinal?.[1]) return { kind: "StatefulSet", name: ordinal[1] };
  const replica = /^(.+)-[a-z0-9]{5}$/.exec(pod)?.[1];
  return hash && replica?.endsWith(`-${hash}`) ? { kind: "ReplicaSet", name: replica } : undefined;
}

function without(name: string, ending: string): string | null {
  return ending.length > 1 && name.endsWith(ending) && name.length > ending.length
    ? name.slice(0, -ending.length)
    : null;
}
