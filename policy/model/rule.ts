import { objectKey } from "./object.ts";
import type { PortMatch } from "./port.ts";
import type { Selector } from "./selector.ts";

export type Direction = "ingress" | "egress";
export type Action = "allow" | "deny";

/** How a rule is named to people: the shape of `by` in the CLI and of `weir.rules` in flows. */
export interface RuleDescription {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `ingress[0]` */
  readonly rule: string;
  readonly file: string;
  readonly line: number | null;
}

/** Namespaces by name, or by the labels of their objects. */
export type NamespaceMatch =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "labels"; readonly selector: Selector };

/** Pods by namespace and labels. Matches no reserved identity: neither the node nor the world is a pod. */
export interface PodMatch {
  readonly kind: "pods";
  readonly namespaces: NamespaceMatch;
  readonly labels: Selector;
}

/** Addresses, whoever has them. Canonical texts. */
export interface BlockMatch {
  readonly kind: "block";
  readonly cidr: string;
  readonly except: readonly string[];
}

export type Peer = PodMatch | BlockMatch;

/**
 * One rule of any policy language: what passes, or does not, between the pods that its
 * policy selects and its peers.
 */
export interface Rule {
  /** `KIND/NAMESPACE/NAME@<hash of content and place>#ingress[0]`: never the same for two different rules. */
  readonly key: string;
  readonly description: RuleDescription;
  readonly direction: Direction;
  readonly action: Action;
  /** From 1; see {@link Tier}. A higher tier decides first; within a tier a deny goes before an allow. */
  readonly tier: number;
  /** Null: any peer, also the node and the world. */
  readonly peers: readonly Peer[] | null;
  /** Null: any protocol and port. Else any of them; none of them: nothing. */
  readonly ports: readonly PortMatch[] | null;
}

/** The tiers of rules. */
export const Tier = {
  /** NetworkPolicy and its like. */
  normal: 1,
} as const;

/** An object's rules with the pods that they govern. */
export interface Policy {
  readonly description: Omit<RuleDescription, "rule">;
  readonly subjects: PodMatch;
  /** Directions in which the selected pods lose what no rule allows. */
  readonly isolates: Readonly<Record<Direction, boolean>>;
  readonly rules: readonly Rule[];
}

/**
 * Of two rules that match, the one with the higher precedence decides. A precedence is
 * from 1 and belongs to one action only.
 */
export function rulePrecedence({ tier, action }: Pick<Rule, "tier" | "action">): number {
  return 2 * tier + (action === "deny" ? 2 : 1);
}

export function actionOf(precedence: number): Action {
  return precedence % 2 === 0 ? "deny" : "allow";
}

/** The precedence of "nothing selects this pod, so all passes": below every rule's. */
export const DEFAULT_PRECEDENCE = rulePrecedence({ tier: 0, action: "allow" });

/** By file, then line, then object and place in it: the order in which rules are reported. */
export function compareDescriptions(a: RuleDescription, b: RuleDescription): number {
  return (
    compareText(a.file, b.file) ||
    (a.line ?? 0) - (b.line ?? 0) ||
    compareText(objectKey(a), objectKey(b)) ||
    a.rule.length - b.rule.length ||
    compareText(a.rule, b.rule)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
