import type { Enforcement } from "#policy/compile/engine.ts";
import { PodIndex } from "#policy/compile/pod-index.ts";
import { policiesOf } from "#policy/compile/policies.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import {
  type Action,
  type Direction,
  type Policy,
  type RuleDescription,
  compareDescriptions,
  rulePrecedence,
} from "#policy/model/rule.ts";
import { compareMisses, missesOf } from "./miss.ts";

/** A rule that would have let the flow through, and what it lacks for that. */
export interface NearMiss extends RuleDescription {
  /** `port 5432 is not 5433` */
  readonly because: string;
}

export interface DirectionEvaluation {
  readonly verdict: Action;
  /** The rules that decide, as the kernel reports them; empty where no rule does. */
  readonly by: readonly RuleDescription[];
  /** Only where the flow is denied because no rule allows it. */
  readonly nearest: NearMiss | null;
}

/** The answer of `weir policy eval`. */
export interface Evaluation {
  /** Deny if either direction denies. */
  readonly verdict: Action;
  readonly egress: DirectionEvaluation;
  readonly ingress: DirectionEvaluation;
}

const FREE: DirectionEvaluation = { verdict: "allow", by: [], nearest: null };

/** Judges one flow, and tells why. For many flows keep an {@link Evaluator}. */
export function evaluate(objects: Iterable<PolicyObject>, flow: Flow, options: EvaluatorOptions = {}): Evaluation {
  return new Evaluator(objects, options).evaluate(flow);
}

export interface EvaluatorOptions {
  readonly enforcement?: Enforcement;
}

/** Judges flows by one set of objects, and tells why. */
export class Evaluator {
  readonly #namespaces: Namespaces;
  readonly #selecting: PodIndex<Policy>;
  /** Isolate pods that no policy selects, too. */
  readonly #always: boolean;

  constructor(objects: Iterable<PolicyObject>, { enforcement = "default" }: EvaluatorOptions = {}) {
    const all = [...objects];
    this.#namespaces = new Namespaces(all);
    this.#selecting = new PodIndex(this.#namespaces);
    this.#always = enforcement === "always";
    if (enforcement === "never") return;
    for (const policy of policiesOf(all)) this.#selecting.add(policy.subjects, policy);
  }

  evaluate(flow: Flow): Evaluation {
    const egress = this.#evaluate("egress", flow.source, flow.destination, flow);
    const ingress = this.#evaluate("ingress", flow.destination, flow.source, flow);
    const verdict = egress.verdict === "deny" || ingress.verdict === "deny" ? "deny" : "allow";
    return { verdict, egress, ingress };
  }

  #evaluate(direction: Direction, { subject, address }: Party, peer: Party, flow: Flow): DirectionEvaluation {
    // What a pod says to itself never leaves it.
    if (!subject || (peer.subject && address !== undefined && address === peer.address)) return FREE;
    // Kubelet's probes come from there: the node reaches its own pods whatever their policy says.
    if (direction === "ingress" && peer.reserved === "host") return FREE;

    const selecting = this.#selecting.find(subject);
    const candidates = selecting
      .flatMap(({ rules }) => rules.filter((rule) => rule.direction === direction))
      .map((rule) => ({ rule, misses: missesOf(rule, peer, flow, this.#namespaces), precedence: rulePrecedence(rule) }))
      .sort((a, b) => compareDescriptions(a.rule.description, b.rule.description));

    const matching = candidates.filter(({ misses }) => misses.length === 0);
    const decisive = Math.max(...matching.map(({ precedence }) => precedence));
    const deciding = matching.filter(({ precedence }) => precedence === decisive).map(({ rule }) => rule);
    if (deciding[0]) {
      const by = deciding.map(({ description }) => description);
      return { verdict: deciding[0].action, by, nearest: null };
    }

    const isolating = selecting.filter(({ isolates }) => isolates[direction]);
    if (isolating.length === 0 && !this.#always) return FREE;
    const [nearest] = candidates
      .filter(({ rule }) => rule.action === "allow")
      .sort((a, b) => compareMisses(a.misses, b.misses));
    return {
      verdict: "deny",
      by: [],
      nearest: nearest
        ? { ...nearest.rule.description, because: nearest.misses.map(({ because }) => because).join(" and ") }
        : withoutRules(isolating, direction),
    };
  }
}

/** The first of the policies that isolate a pod and say nothing more. */
function withoutRules(isolating: readonly Policy[], direction: Direction): NearMiss | null {
  const [first] = isolating.map(({ description }) => ({ ...description, rule: direction })).sort(compareDescriptions);
  return first ? { ...first, because: `has no ${direction} rules` } : null;
}
