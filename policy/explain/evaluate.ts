import { Conversion } from "#policy/compile/conversion.ts";
import type { EngineOptions } from "#policy/compile/engine.ts";
import { failsafePolicy } from "#policy/compile/failsafe.ts";
import { PodIndex } from "#policy/compile/pod-index.ts";
import { policiesOf } from "#policy/compile/policies.ts";
import { live } from "#policy/compile/policy-table.ts";
import type { Controls } from "#policy/model/controls.ts";
import { type Flow, type Party, isNode } from "#policy/model/flow.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { type Direction, type Policy, type RuleDescription, type Verdict, hasStaged } from "#policy/model/rule.ts";
import { matchesSelector } from "#policy/model/selector.ts";
import type { L7Request } from "#policy/l7/request.ts";
import type { NearMiss, Question } from "./decide.ts";
import { type RuleTerms, decideWithTerms } from "./terms.ts";
import { withEnded, withoutEnded } from "./ended.ts";

import { type Isolation, isolationOf } from "./isolation.ts";

export type { Isolation, PolicyDescription } from "./isolation.ts";
export type { NearMiss } from "./decide.ts";
export type { RuleTerms } from "./terms.ts";

/** What one end says, and why. {@link Isolation} says so where the flow is denied because no rule allows it. */
export interface Decision extends Partial<Isolation> {
  readonly verdict: Verdict;
  /** The rules that decide, as the kernel reports them; empty where no rule does. */
  readonly by: readonly RuleDescription[];
  /** Only where the flow is denied because no rule allows it. */
  readonly nearest: NearMiss | null;
  /** Of the rules in {@link by}, in their order; missing where none has any. */
  readonly terms?: readonly RuleTerms[];
  /** What the datapath is known to do otherwise. */
  readonly note?: string;
}

export interface DirectionEvaluation extends Decision {
  /** What it would be if everything staged were in force; null where nothing staged governs this end. */
  readonly staged: Decision | null;
}

/** The answer of `weir policy eval`. */
export interface Evaluation {
  /** Deny if either direction denies, else redirect if either redirects. */
  readonly verdict: Verdict;
  readonly egress: DirectionEvaluation;
  readonly ingress: DirectionEvaluation;
}

const FREE: DirectionEvaluation = { verdict: "allow", by: [], nearest: null, staged: null };

export type EvaluatorOptions = EngineOptions;

/**
 * Judges one flow, and tells why. For many flows keep an {@link Evaluator}.
 *
 * @param request What is asked for on the connection; null: the question is about the connection only.
 */
export function evaluate(
  objects: Iterable<PolicyObject>,
  flow: Flow,
  options: EvaluatorOptions = {},
  request: L7Request | null = null,
): Evaluation {
  return new Evaluator(objects, options).evaluate(flow, request);
}

/** Judges flows by one set of objects, and tells why. */
export class Evaluator {
  readonly #namespaces: Namespaces;
  readonly #ofPods: PodIndex<Policy>;
  readonly #ofNodes: Policy[] = [];
  /** Isolate pods that no policy selects, too. */
  readonly #always: boolean;
  /** All of it is only tried. */
  readonly #audit: boolean;
  /** Of nodes that some policy selects. */
  readonly #failsafe: readonly Policy[];

  constructor(objects: Iterable<PolicyObject>, options: EvaluatorOptions = {}) {
    const { enforcement = "default", cidrMatchesPods, audit = false, at, hostFailsafe } = options;
    const all = [...objects];
    this.#namespaces = new Namespaces(all);
    this.#ofPods = new PodIndex(this.#namespaces);
    this.#always = enforcement === "always";
    this.#audit = audit;
    this.#failsafe = hostFailsafe ? [failsafePolicy(hostFailsafe)] : [];
    if (enforcement === "never") return;
    for (const policy of policiesOf(all, new Conversion(cidrMatchesPods, audit))) {
      const told = withEnded(live(policy, at ?? null), policy);
      if (told.subjects.kind === "pods") this.#ofPods.add(told.subjects, told);
      else this.#ofNodes.push(told);
    }
  }

  /** With a request nothing is redirected: it is allowed or denied. */
  evaluate(flow: Flow, request: L7Request | null = null): Evaluation {
    const { source, destination } = flow;
    const egress = this.#evaluate("egress", source, destination, { flow, request });
    const ingress = this.#evaluate("ingress", destination, source, { flow, request });
    return { verdict: bothVerdicts(egress.verdict, ingress.verdict), egress, ingress };
  }

  /** Who isolates an end, whatever comes there. */
  isolation(self: Party, direction: Direction): Isolation {
    return isolationOf(withoutStaged(this.#selecting(self)), direction);
  }

  #evaluate(
    direction: Direction,
    self: Party,
    peer: Party,
    asked: Pick<Question, "flow" | "request">,
  ): DirectionEvaluation {
    // What a pod says to itself never leaves it.
    if (isSame(self, peer)) return FREE;
    // Kubelet's probes come from there: the node reaches its own pods whatever their policy says.
    // What the node says to itself never leaves it.
    const isFromNode = !peer.subject && peer.reserved === "host";
    if (isFromNode && (self.subject ? direction === "ingress" : self.reserved === "host")) return FREE;
    const selecting = this.#selecting(self);
    const always = this.#always && self.subject !== undefined;
    const question = { direction, peer, ...asked, namespaces: this.#namespaces, always };
    const isAlwaysStaged = always && this.#audit;
    const isStaged = isAlwaysStaged || selecting.map(withoutEnded).some(hasStaged);
    const withFailsafe = (policies: readonly Policy[], counting: readonly Policy[]): readonly Policy[] =>
      self.subject || counting.length === 0 ? policies : [...policies, ...this.#failsafe];
    const inForce = withFailsafe(
      withoutStaged(selecting),
      selecting.filter((policy) => !policy.isStaged),
    );
    return {
      ...decideWithTerms(inForce, { ...question, always: always && !this.#audit }),
      staged: isStaged ? decideWithTerms(withFailsafe(selecting, selecting), question) : null,
    };
  }

  #selecting(self: Party): Policy[] {
    if (self.subject) return this.#ofPods.find(self.subject);
    const { nodeLabels } = self;
    if (nodeLabels === undefined || !isNode(self)) return [];
    return this.#ofNodes.filter(({ subjects }) => matchesSelector(subjects.labels, nodeLabels));
  }
}

/** The verdict on a connection that is judged at both ends. */
export function bothVerdicts(a: Verdict, b: Verdict): Verdict {
  if (a === "deny" || b === "deny") return "deny";
  return a === "redirect" || b === "redirect" ? "redirect" : "allow";
}

/** Two pods may be said to have one address; it tells who is who only where nothing else does. */
function isSame(a: Party, b: Party): boolean {
  if (!a.subject || !b.subject) return false;
  if (a.pod !== undefined && b.pod !== undefined) return a.pod === b.pod;
  return a.address !== undefined && a.address === b.address;
}

/** What is in force of policies: staged rules are not, and a staged object does not isolate. */
function withoutStaged(policies: readonly Policy[]): Policy[] {
  const counts = ({ controls }: { readonly controls: Controls }): boolean => !controls.staged;
  return policies.map((policy) => ({
    ...policy,
    isolates: policy.isStaged ? { ingress: false, egress: false } : policy.isolates,
    rules: policy.rules.filter(counts),
    requires: { ingress: policy.requires.ingress.filter(counts), egress: policy.requires.egress.filter(counts) },
  }));
}
