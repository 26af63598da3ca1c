import type { PolicyEngine } from "#policy/compile/engine.ts";
import { compareDescriptions, type Policy, type Rule, type RuleDescription } from "#policy/model/rule.ts";

/** Names that a sentence gives. */
const mostNames = 3;

/** What is asked of policy in force that this version does not do, in sentences; found once for each policy in force. */
export class Unenforced {
  readonly #enforcement: { readonly engine: PolicyEngine };
  #engine: PolicyEngine | null = null;
  #problems: readonly string[] = [];

  /** @param enforcement says which engine is in force. */
  constructor(enforcement: { readonly engine: PolicyEngine }) {
    this.#enforcement = enforcement;
  }

  get problems(): readonly string[] {
    const { engine } = this.#enforcement;
    if (engine !== this.#engine) this.#problems = unenforced(engine.policies);
    this.#engine = engine;
    return this.#problems;
  }
}

/** One sentence for each thing that this version does not do. What is only staged asks for nothing yet. */
export function unenforced(policies: readonly Policy[]): string[] {
  const rules = policies.flatMap((policy) => policy.rules.filter(({ controls }) => !controls.staged));
  const those = (asks: (rule: Rule) => boolean): RuleDescription[] =>
    unique(rules.filter(asks).map(({ description }) => description));
  return [
    ...sentence(
      those(({ peers }) => peers?.some(({ kind }) => kind === "names") ?? false),
      "rule speaks of DNS names, whose addresses this version does not learn: it matches no address by them",
      "rules speak of DNS names, whose addresses this version does not learn: they match no address by them",
    ),
  ];
}

function unique(descriptions: readonly RuleDescription[]): RuleDescription[] {
  return [...new Map(descriptions.map((one) => [JSON.stringify(one), one])).values()].sort(compareDescriptions);
}

function sentence(names: readonly RuleDescription[], one: string, several: string): string[] {
  if (names.length === 0) return [];
  const first = names.slice(0, mostNames).map(nameText).join(", ");
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  return [`${names.length} ${names.length === 1 ? one : several}: ${first}${more}`];
}

/** `NetworkPolicy shop/web egress[0] (web.yaml:14)` */
function nameText({ kind, namespace, name, rule, file, line }: RuleDescription): string {
  const object = namespace === "" ? name : `${namespace}/${name}`;
  return `${kind} ${object} ${rule} (${line === null ? file : `${file}:${line}`})`;
}
