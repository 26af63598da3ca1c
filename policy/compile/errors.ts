import type { RuleDescription } from "#policy/model/rule.ts";

/** A policy that cannot be computed in reasonable time; the message says which one, and what to do. */
export class PolicyTooLargeError extends Error {
  override readonly name = "PolicyTooLargeError";
  /** The one that asks for most. */
  readonly policy: Pick<RuleDescription, "kind" | "namespace" | "name">;

  constructor(policy: PolicyTooLargeError["policy"], comparisons: number, most: number) {
    const { kind, namespace, name } = policy;
    super(
      `${kind} ${namespace === "" ? name : `${namespace}/${name}`} is too large: its rules would be compared ${comparisons} times with ` +
        `ranges of addresses, and all policies together may be ${most} times. Use fewer rules about wide ranges, or fewer ranges inside of them`,
    );
    this.policy = { kind, namespace, name };
  }
}
