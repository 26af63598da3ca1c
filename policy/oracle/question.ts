import type { HostFailsafe } from "#policy/model/failsafe.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import type { Direction } from "#policy/model/rule.ts";

export interface OracleOptions {
  /** `never`: no policy counts. `always`: every pod is isolated, both ways. */
  readonly enforcement?: "default" | "always" | "never";
  /** Whether CIDRs are also about addresses of pods and nodes: as each language says, or the same for all. */
  readonly cidrMatchesPods?: "language" | boolean;
  /** The time, in milliseconds since 1970; without it no rule has expired. */
  readonly at?: number;
  /** Everything counts as staged. */
  readonly audit?: boolean;
  /** What stays open at a node that a policy in force selects. */
  readonly hostFailsafe?: HostFailsafe;
  /** Judge as if all that is staged were in force. */
  readonly staged?: boolean;
}

/** One direction of one flow, and all that is known of it. */
export interface Question {
  readonly objects: readonly PolicyObject[];
  readonly flow: Flow;
  readonly direction: Direction;
  /** Whose policy is asked for: the source on egress, the destination on ingress. */
  readonly self: Party;
  readonly peer: Party;
  readonly options: OracleOptions;
}

/** What a policy of the normal tier says of a flow: by a rule that matches it, or by isolating the subject. */
export interface Said {
  readonly action: "deny" | "redirect" | "allow" | "isolate";
  /** Empty where it is no rule that says it. */
  readonly rule: string;
}

/** `KIND NAMESPACE/NAME RULE` */
export function nameOf({ kind, namespace, name }: PolicyKindObject, rule: string): string {
  return `${kind} ${namespace}/${name} ${rule}`;
}

/** What is said of a rule goes before what is said of its object. */
export function isRuleInForce({ controls }: PolicyKindObject, rule: string, { options }: Question): boolean {
  const { staged = false, notAfter = Infinity } = { ...controls.object, ...controls.rules[rule] };
  const hasExpired = options.at !== undefined && notAfter <= options.at;
  return !hasExpired && (!staged || options.staged === true);
}

/** A policy isolates also when none of its rules is in force. */
export function isIsolationInForce({ controls }: PolicyKindObject, { options }: Question): boolean {
  return controls.object.staged !== true || options.staged === true;
}
