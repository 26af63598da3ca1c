import { type Governed, formatNamedPorts, isNodeSubject, type NamedPort } from "#policy/model/identity.ts";
import type { Controls } from "#policy/model/controls.ts";
import { type Direction, type PodMatch, type Policy, hasStaged } from "#policy/model/rule.ts";
import { PolicyView, type Shared } from "./policy-view.ts";
import { resolvesOnSubject } from "./rule-ports.ts";

/** A policy that governs a subject, with its number in the engine's table. */
export interface SelectingPolicy {
  readonly number: number;
  readonly policy: Policy;
}

/** Isolation in both directions, whatever the policies say. */
export interface AlwaysIsolated {
  readonly enforced: boolean;
  /** If everything staged were in force. */
  readonly staged: boolean;
}

/** The policy of all subjects that the same policies select. */
export class SubjectPolicy {
  readonly key: string;
  readonly enforced: PolicyView;
  /** As if everything staged were in force; null where nothing is staged. */
  readonly staged: PolicyView | null;

  /** Names the policy of a subject: by what selects it, and by its ports where a rule names one of them. */
  static keyOf(selecting: readonly SelectingPolicy[], subject: Governed): string {
    const key = selecting.map(({ number }) => number).join(",");
    if (isNodeSubject(subject)) return `node ${key}`;
    const named = selecting.some(({ policy }) => policy.rules.some(resolvesOnSubject));
    return named ? `${key}|${formatNamedPorts(subject.namedPorts)}` : key;
  }

  /** @param failsafe Counts where any of the policies does; null: there is none. */
  constructor(
    key: string,
    selecting: readonly SelectingPolicy[],
    namedPorts: readonly NamedPort[],
    shared: Shared,
    always: AlwaysIsolated,
    failsafe: Policy | null,
  ) {
    this.key = key;
    const policies = selecting.map(({ policy }) => policy);
    const view = (staged: boolean): PolicyView => {
      const counting = staged ? policies : policies.filter(({ isStaged }) => !isStaged);
      const isolates = (direction: Direction): boolean =>
        (staged ? always.staged : always.enforced) || counting.some(({ isolates }) => isolates[direction]);
      const counts = ({ controls }: { readonly controls: Controls }): boolean => staged || !controls.staged;
      const required = (direction: Direction): PodMatch[] =>
        policies.flatMap(({ requires }) => requires[direction].filter(counts).map(({ pods }) => pods));
      return new PolicyView(
        {
          rules: [
            ...policies.flatMap(({ rules }) => rules.filter(counts)),
            ...(failsafe && counting.length > 0 ? failsafe.rules : []),
          ],
          selects: { ingress: isolates("ingress"), egress: isolates("egress") },
          requires: { ingress: required("ingress"), egress: required("egress") },
          namedPorts,
        },
        shared,
      );
    };
    this.enforced = view(false);
    const differs = policies.some(hasStaged) || always.staged !== always.enforced;
    this.staged = differs ? view(true) : null;
  }
}
