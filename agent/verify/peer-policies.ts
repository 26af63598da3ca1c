import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import type { NetworkPolicyRule, PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import type { Direction } from "#policy/model/rule.ts";
import { judge } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";

interface Candidate {
  readonly policy: PolicyKindObject;
  /** The same with all ports in each of its rules; null: it may say something whoever the peer is. */
  readonly widened: PolicyKindObject | null;
}

/**
 * Leaves out, for one peer, policies that say nothing of it, so that the oracle is not asked of them
 * once for each port. The oracle itself decides which: in the normal tier what a policy says does not
 * depend on the others, and one that says nothing of a peer on any port can at most isolate.
 */
export class PeerPolicies {
  readonly #candidates: readonly Candidate[];
  readonly #options: OracleOptions;

  constructor(policies: readonly PolicyKindObject[], options: OracleOptions) {
    // What a rule requires of pods narrows the rules of other policies.
    const areAlone = !policies.some((policy) => rulesOf(policy).some(({ requires }) => requires.length > 0));
    this.#candidates = policies.map((policy) => ({ policy, widened: areAlone ? widen(policy) : null }));
    this.#options = options;
  }

  /**
   * @param flow Any with this peer.
   * @param context What policies speak of.
   */
  of(direction: Direction, flow: Flow, context: readonly PolicyObject[]): PolicyKindObject[] {
    let isIsolated = false;
    return this.#candidates
      .filter(({ widened }) => {
        if (!widened) return true;
        const { verdict, rules } = judge([widened, ...context], flow, this.#options)[direction];
        if (rules.length > 0) return true;
        // Of those that only isolate one is enough.
        const isFirst = verdict === "deny" && !isIsolated;
        isIsolated ||= isFirst;
        return isFirst;
      })
      .map(({ policy }) => policy);
  }
}

function widen(policy: PolicyKindObject): PolicyKindObject | null {
  if (policy.kind === "NetworkPolicy") {
    const all = (rules: readonly NetworkPolicyRule[]): NetworkPolicyRule[] =>
      rules.map((rule) => ({ ...rule, ports: [] }));
    return { ...policy, ingress: all(policy.ingress), egress: all(policy.egress) };
  }
  // Of the tiers the first rule that matches decides, whichever policy it stands in.
  if (!("specs" in policy) || rulesOf(policy).some(isForAnybody)) return null;
  const all = (rules: readonly CiliumRule[]): CiliumRule[] =>
    rules.map((rule) => ({ ...rule, ports: null, icmps: null }));
  const specs = policy.specs.map((spec) => ({
    ...spec,
    ingress: all(spec.ingress),
    ingressDeny: all(spec.ingressDeny),
    egress: all(spec.egress),
    egressDeny: all(spec.egressDeny),
  }));
  return { ...policy, specs };
}

function rulesOf(policy: PolicyKindObject): readonly CiliumRule[] {
  if (!("specs" in policy)) return [];
  return policy.specs.flatMap(({ ingress, ingressDeny, egress, egressDeny }) => [
    ...ingress,
    ...ingressDeny,
    ...egress,
    ...egressDeny,
  ]);
}

function isForAnybody({ endpoints, cidrs, entities, nodes, services, names }: CiliumRule): boolean {
  return [endpoints, cidrs, entities, nodes, services, names].every((kind) => kind === null);
}
