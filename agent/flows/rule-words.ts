import type { FlowPolicy } from "#agent/api/flow.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import type { EventEnd } from "#agent/datapath/layouts.gen.ts";
import type { FlowContext } from "./context.ts";

/** What the rule references of one end stand for. */
export interface EndWords {
  readonly rules: readonly RuleDescription[];
  /** The objects that the rules stand in, as Hubble names policies. */
  readonly policies: readonly FlowPolicy[];
}

const kept = 4096;

/** Looks references up once for each set of them and generation: flows repeat themselves. */
export class RuleWords {
  readonly #context: FlowContext;
  readonly #words = new Map<string, EndWords>();
  #generation = -1n;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  of({ rules: [a, b, c] }: EventEnd, generation: bigint): EndWords {
    // The generation is part of the words, and with a new one the old are rarely wanted again.
    if (generation !== this.#generation || this.#words.size >= kept) this.#words.clear();
    this.#generation = generation;
    const key = `${a} ${b} ${c}`;
    const known = this.#words.get(key);
    if (known) return known;
    const references = [...new Set([a, b, c])].filter((reference) => reference !== 0);
    const rules = unique(references.flatMap((reference) => this.#context.rules(reference)));
    const words = { rules, policies: policiesOf(rules, generation.toString()) };
    this.#words.set(key, words);
    return words;
  }
}

/** The objects that rules stand in, as Hubble names policies. */
export function policiesOf(rules: readonly RuleDescription[], revision: string): FlowPolicy[] {
  const objects = new Map(rules.map((rule) => [`${rule.kind}/${rule.namespace}/${rule.name}`, rule]));
  return [...objects.values()].map(({ kind, namespace, name }) => ({
    name,
    ...(namespace === "" ? {} : { namespace }),
    labels: [
      `k8s:io.cilium.k8s.policy.derived-from=${kind}`,
      `k8s:io.cilium.k8s.policy.name=${name}`,
      ...(namespace === "" ? [] : [`k8s:io.cilium.k8s.policy.namespace=${namespace}`]),
    ],
    revision,
    kind,
  }));
}

function unique(rules: readonly RuleDescription[]): RuleDescription[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
