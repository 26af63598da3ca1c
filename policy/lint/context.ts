import { type CidrMatchesPods, Conversion } from "#policy/compile/conversion.ts";
import { policyObjects } from "#policy/compile/policies.ts";
import { References } from "#policy/compile/references.ts";
import { type PolicyObject, objectKey } from "#policy/model/object.ts";
import { compareDescriptions } from "#policy/model/rule.ts";
import { KnownCluster } from "./known-cluster.ts";
import { type LintedPolicy, type LintedRule, toLinted } from "./linted-policy.ts";
import { SubjectIndex } from "./subject-index.ts";

export interface LintOptions {
  /** Milliseconds since 1970; missing: no rule has ended. */
  readonly at?: number;
  readonly cidrMatchesPods?: CidrMatchesPods;
}

/** What all checks look at. */
export interface LintContext {
  readonly cluster: KnownCluster;
  readonly references: References;
  readonly policies: readonly LintedPolicy[];
  readonly subjects: SubjectIndex;
  /** Of all policies, in the order in which they are reported; without those that have ended. */
  readonly rules: readonly LintedRule[];
  readonly ended: readonly LintedRule[];
}

/** The same for the same objects in any order. */
export function toContext(objects: Iterable<PolicyObject>, { at, cidrMatchesPods }: LintOptions): LintContext {
  const all = [...objects]
    .map((object) => ({ object, key: objectKey(object) }))
    .sort(byKey)
    .map(({ object }) => object);
  const references = new References(all);
  const conversion = new Conversion(cidrMatchesPods);
  const policies = policyObjects(all)
    .flatMap((object) => toLinted(object, references, conversion))
    .sort((a, b) => compareDescriptions(a.place, b.place));
  const rules = policies.flatMap((policy) => policy.rules).sort((a, b) => compareDescriptions(a.place, b.place));
  const hasEnded = ({ notAfter }: LintedRule): boolean => at !== undefined && notAfter !== null && notAfter <= at;
  const cluster = new KnownCluster(all);
  return {
    cluster,
    references,
    policies,
    subjects: new SubjectIndex(policies, cluster),
    rules: rules.filter((rule) => !hasEnded(rule)),
    ended: rules.filter(hasEnded),
  };
}

/** Keeps the order of namesakes, of which the last one counts. */
function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
