import { podMatchKey } from "#policy/compile/pod-index.ts";
import type { Policy } from "#policy/model/rule.ts";
import { formatSelector } from "#policy/model/selector.ts";
import type { KnownCluster } from "./known-cluster.ts";
import type { LintedPolicy } from "./linted-policy.ts";
import { MatchIndex } from "./relations/match-index.ts";
import { areSubjectsWithin } from "./relations/overlap.ts";

/** Policies with the same subjects. */
export interface SubjectGroup {
  readonly key: string;
  readonly subjects: Policy["subjects"];
  readonly policies: LintedPolicy[];
}

/** Finds the policies that govern all subjects of a policy. */
export class SubjectIndex {
  readonly #groups = new Map<string, SubjectGroup>();
  readonly #ofPods: MatchIndex<SubjectGroup>;
  readonly #ofNodes: SubjectGroup[] = [];
  readonly #cluster: KnownCluster;

  constructor(policies: readonly LintedPolicy[], cluster: KnownCluster) {
    this.#cluster = cluster;
    this.#ofPods = new MatchIndex(cluster.namespaces);
    for (const linted of policies) if (linted.policy) this.#add(linted, linted.policy.subjects);
  }

  get groups(): Iterable<SubjectGroup> {
    return this.#groups.values();
  }

  groupOf(subjects: Policy["subjects"]): SubjectGroup | undefined {
    return this.#groups.get(keyOf(subjects));
  }

  /** All of whose subjects, and perhaps others, are those of a policy. */
  around(subjects: Policy["subjects"]): SubjectGroup[] {
    if (subjects.kind === "pods") return this.#ofPods.around(subjects);
    return this.#ofNodes.filter((group) => areSubjectsWithin(subjects, group.subjects, this.#cluster.namespaces));
  }

  #add(linted: LintedPolicy, subjects: Policy["subjects"]): void {
    const key = keyOf(subjects);
    const known = this.#groups.get(key);
    if (known) {
      known.policies.push(linted);
      return;
    }
    const group = { key, subjects, policies: [linted] };
    this.#groups.set(key, group);
    if (subjects.kind === "pods") this.#ofPods.add(subjects, group);
    else this.#ofNodes.push(group);
  }
}

function keyOf(subjects: Policy["subjects"]): string {
  return subjects.kind === "pods" ? podMatchKey(subjects) : `nodes ${formatSelector(subjects.labels)}`;
}
