import type { Protocol } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import {
  CLUSTER_VERSIONS,
  type ClusterPolicyText,
  type ClusterRuleText,
  type ClusterVersion,
} from "./cluster-policy-text.ts";
import type { Side } from "./cluster-policy-world.ts";

export type Tier = ClusterPolicyText["tier"];

/** What there is beside the namespaces, pods and nodes of the cluster. */
export interface ClusterPolicyState {
  readonly policies: readonly ClusterPolicyText[];
  /** Other objects, as texts. */
  readonly others: readonly string[];
}

/** A state, and what passes in it. */
export interface ClusterPolicyStep {
  readonly title: string;
  /** What is done before it to the state of the step before. */
  readonly change: (state: ClusterPolicyState) => ClusterPolicyState;
  /** `east-0 north-0 TCP/80`: from whom, to whom, by which port. */
  readonly open: readonly string[];
  readonly closed: readonly string[];
}

export interface ClusterPolicyCase {
  readonly title: string;
  /** Those in which it can be written. */
  readonly versions: readonly ClusterVersion[];
  readonly start: ClusterPolicyState;
  readonly steps: readonly ClusterPolicyStep[];
}

type StepText = Partial<ClusterPolicyStep> & Pick<ClusterPolicyStep, "title">;

export function clusterCase(
  title: string,
  policies: readonly ClusterPolicyText[],
  steps: readonly StepText[],
  more: { readonly versions?: readonly ClusterVersion[]; readonly others?: readonly string[] } = {},
): ClusterPolicyCase {
  const { versions = CLUSTER_VERSIONS, others = [] } = more;
  const full = steps.map((step) => ({ change: (state: ClusterPolicyState) => state, open: [], closed: [], ...step }));
  return { title, versions, start: { policies, others }, steps: full };
}

/** All pods of a namespace. */
export function inside(side: Side): { readonly namespaces: object } {
  return { namespaces: { matchLabels: { "kubernetes.io/metadata.name": side } } };
}

/** Pods of a namespace by labels of both. */
export function labelledPods(side: Side): { readonly pods: object } {
  return { pods: { namespaceSelector: { matchLabels: { side } }, podSelector: { matchLabels: { side } } } };
}

/** A probe from or to a pod of `north`, as the direction of its policy is. */
export function probe(direction: Direction, other: string, own: string, protocol: Protocol, port: number): string {
  const [from, to] = direction === "ingress" ? [other, own] : [own, other];
  return `${from} ${to} ${protocol}/${port}`;
}

/** Lets two rules of a policy change places, in every direction that it has. */
export function swapRules(name: string, a: number, b: number): ClusterPolicyStep["change"] {
  return editPolicy(name, (policy) => {
    const swap = (rules: readonly ClusterRuleText[] = []): ClusterRuleText[] =>
      rules.map((rule, i) => (i === a ? rules[b] : i === b ? rules[a] : undefined) ?? rule);
    return { ...policy, ingress: swap(policy.ingress), egress: swap(policy.egress) };
  });
}

/** Changes one policy. */
export function editPolicy(
  name: string,
  edit: (policy: ClusterPolicyText) => ClusterPolicyText,
): ClusterPolicyStep["change"] {
  return ({ policies, others }) => {
    return { policies: policies.map((policy) => (policy.name === name ? edit(policy) : policy)), others };
  };
}
