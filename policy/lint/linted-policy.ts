import type { Conversion } from "#policy/compile/conversion.ts";
import { toPolicies } from "#policy/compile/policies.ts";
import type { References } from "#policy/compile/references.ts";
import { CILIUM_SECTIONS, type CiliumRule, type CiliumSpec } from "#policy/model/cilium-object.ts";
import { controlsOf } from "#policy/model/controls.ts";
import type { PolicyKindObject } from "#policy/model/object.ts";
import { namedRules } from "#policy/model/rule-names.ts";
import type { Direction, Policy, Rule, RuleDescription } from "#policy/model/rule.ts";

/** A rule as its object has it. */
export interface LintedRule {
  readonly owner: LintedPolicy;
  readonly place: RuleDescription;
  readonly direction: Direction;
  readonly effect: "allow" | "deny" | "pass";
  /** What it means; none where it means nothing. One of Cilium's may be several: a plain one, and one for each L7. */
  readonly parts: readonly Rule[];
  /** Of a Cilium policy. */
  readonly cilium: CiliumRule | null;
  /** Milliseconds since 1970. */
  readonly notAfter: number | null;
}

/** An object's rules with those that they govern: an object, or one spec of several. */
export interface LintedPolicy {
  readonly object: PolicyKindObject;
  /** Of a Cilium policy. */
  readonly spec: CiliumSpec | null;
  /** `rule` is empty, or `specs[0]`. */
  readonly place: RuleDescription;
  /** Null: it can govern nobody. */
  readonly policy: Policy | null;
  readonly rules: readonly LintedRule[];
}

/** Takes an object apart, and keeps what each part of it means beside it. */
export function toLinted(object: PolicyKindObject, references: References, conversion: Conversion): LintedPolicy[] {
  if (!("specs" in object)) {
    return [linted(object, null, toPolicies(object, references, conversion)[0] ?? null)];
  }
  return object.specs.map((spec) => {
    const alone = { ...object, specs: [spec] };
    return linted(alone, spec, toPolicies(alone, references, conversion)[0] ?? null);
  });
}

function linted(object: PolicyKindObject, spec: CiliumSpec | null, policy: Policy | null): LintedPolicy {
  const { kind, namespace, name, source } = object;
  const describe = (rule: string, line: number | null): RuleDescription => {
    return { kind, namespace, name, rule, file: source.file, line };
  };
  const rules: LintedRule[] = [];
  const owner = { object, spec, place: describe(spec?.prefix.slice(0, -1) ?? "", source.line), policy, rules };
  const byName = Map.groupBy(policy?.rules ?? [], ({ description }) => description.rule);
  const listed = listRules(object);
  for (const [i, { name: rule, direction, effect }] of namedRules(object).entries()) {
    const { line, cilium } = listed[i] ?? { line: null, cilium: null };
    rules.push({
      owner,
      place: describe(rule, line),
      direction,
      effect,
      parts: byName.get(rule) ?? [],
      cilium,
      notAfter: controlsOf(object.controls, rule).notAfter ?? null,
    });
  }
  return owner;
}

/** In the order of {@link namedRules}. */
function listRules(object: PolicyKindObject): { readonly line: number | null; readonly cilium: CiliumRule | null }[] {
  if (!("specs" in object)) {
    return [...object.ingress, ...object.egress].map(({ line }) => ({ line, cilium: null }));
  }
  return object.specs.flatMap((spec) =>
    CILIUM_SECTIONS.flatMap((section) => spec[section].map((rule) => ({ line: rule.line, cilium: rule }))),
  );
}
