import type { Flow, Party } from "#policy/model/flow.ts";
import type { Subject } from "#policy/model/identity.ts";
import { type PodObject, type PolicyObject, isPolicyKind, subjectOf } from "#policy/model/object.ts";
import { dnsLabelFault } from "#policy/parse/names.ts";
import { aggregateBlocks, hostBlocks } from "./address-blocks.ts";
import { checkSuggestion } from "./check-suggestion.ts";
import { toCiliumPolicy } from "./cilium.ts";
import { type Blocks, type Written, toNetworkPolicy } from "./kubernetes.ts";
import { PolicyNames } from "./policy-names.ts";
import type { SuggestLanguage, SuggestOptions, SuggestedPolicy, Suggestion } from "./suggestion.ts";
import { type WorkloadTraffic, trafficOf } from "./traffic.ts";
import { Workloads } from "./workloads.ts";

/**
 * The least policies that allow some flows: one for each workload that is an end of one, which isolates it
 * both ways. Policies among the objects do not count; of pods it knows the objects', and those of the flows.
 */
export function suggest(
  objects: readonly PolicyObject[],
  flows: readonly Flow[],
  { as = "kubernetes", aggregate = false, namespace }: SuggestOptions = {},
): Suggestion {
  const around = objects.filter((object) => !isPolicyKind(object));
  const pods = around.filter((object) => object.kind === "Pod");
  const blocks: Blocks = aggregate ? (addresses) => aggregateBlocks(addresses, insideOf(around)) : hostBlocks;
  const names = new PolicyNames();
  const nameable = flows.filter(({ source, destination }) => isNameable(source) && isNameable(destination));
  const policies = trafficOf(nameable, new Workloads(subjectsOf(pods, nameable)))
    .filter(({ workload }) => namespace === undefined || workload.namespace === namespace)
    .map((traffic) => toPolicy(traffic, as, blocks, names))
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  return checkSuggestion(around, policies, flows);
}

/** A record may say anything of the namespace that it calls a pod's. */
function isNameable({ subject }: Party): boolean {
  return !subject || dnsLabelFault(subject.namespace) === null;
}

function toPolicy(traffic: WorkloadTraffic, as: SuggestLanguage, blocks: Blocks, names: PolicyNames): SuggestedPolicy {
  const { workload } = traffic;
  const { namespace } = workload;
  const name = names.of(workload);
  const { spec, remarks } = writers[as](traffic, blocks);
  return { namespace, name, manifest: { ...heads[as], metadata: { name, namespace }, spec }, remarks };
}

const writers: Readonly<Record<SuggestLanguage, (traffic: WorkloadTraffic, blocks: Blocks) => Written>> = {
  kubernetes: toNetworkPolicy,
  cilium: toCiliumPolicy,
};

const heads = {
  kubernetes: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
  cilium: { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
} as const;

/** The pods of the objects, and one for each end of a flow of which no object tells. */
function subjectsOf(pods: readonly PodObject[], flows: readonly Flow[]): Subject[] {
  const known = pods.filter(({ hostNetwork }) => !hostNetwork).map(subjectOf);
  const seen = new Set(known.map(keyOf));
  const gone = new Map<string, Subject>();
  for (const { subject } of flows.flatMap(({ source, destination }) => [source, destination])) {
    if (subject && !seen.has(keyOf(subject))) gone.set(keyOf(subject), subject);
  }
  return [...known, ...gone.values()];
}

function keyOf({ namespace, labels }: Subject): string {
  return JSON.stringify([namespace, Object.entries(labels).sort()]);
}

function insideOf(objects: readonly PolicyObject[]): string[] {
  return objects.flatMap((object) => (object.kind === "Pod" || object.kind === "Node" ? object.addresses : []));
}
