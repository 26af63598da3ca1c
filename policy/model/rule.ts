import type { Controls } from "./controls.ts";
import type { L7Rules, NameMatch } from "./l7.ts";
import { objectKey } from "./object.ts";
import type { PortMatch } from "./port.ts";
import type { Entity } from "./reserved.ts";
import type { Selector } from "./selector.ts";

export type Direction = "ingress" | "egress";

/**
 * What a rule does with what it matches. `redirect`: allow, if the proxy finds that requests
 * meet {@link Rule.l7}. `pass`: no rule of this tier below this one counts.
 */
export type Action = "allow" | "deny" | "redirect" | "pass";

/** What becomes of a connection. */
export type Verdict = "allow" | "deny" | "redirect";

/** How a rule is named to people: the shape of `by` in the CLI and of `weir.rules` in flows. */
export interface RuleDescription {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `ingress[0]`, `specs[1].egressDeny[0]` */
  readonly rule: string;
  readonly file: string;
  readonly line: number | null;
}

/** Namespaces by name, or by the labels of their objects. */
export type NamespaceMatch =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "labels"; readonly selector: Selector };

/** Pods by namespace, labels and service account. Matches no reserved identity: neither the node nor the world is a pod. */
export interface PodMatch {
  readonly kind: "pods";
  readonly namespaces: NamespaceMatch;
  readonly labels: Selector;
  /** On the one label {@link SERVICE_ACCOUNT}. */
  readonly account?: Selector;
  /** What must hold, too: the `fromRequires` of other rules. */
  readonly also?: readonly PodMatch[];
}

/** The name under which selectors of service accounts see an account's name. */
export const SERVICE_ACCOUNT = "serviceaccount";

/** Addresses, whoever has them, or only where they belong to neither a pod nor a node. */
export type BlockScope = "any" | "outside";

/** Canonical texts. */
export interface BlockMatch {
  readonly kind: "block";
  readonly cidr: string;
  readonly except: readonly string[];
  readonly scope: BlockScope;
}

/** Groups of peers with a fixed name. `all` is said by the absence of peers, families of the world by blocks. */
export interface EntityMatch {
  readonly kind: "entity";
  readonly entity: Exclude<Entity, "all" | "none" | "world-ipv4" | "world-ipv6">;
}

/** Nodes by their labels: the own one, and others. */
export interface NodeMatch {
  readonly kind: "nodes";
  readonly labels: Selector;
}

/** Addresses outside of the cluster for which a DNS answer has said such a name. */
export interface NamesMatch {
  readonly kind: "names";
  readonly match: NameMatch;
}

export type Peer = PodMatch | BlockMatch | EntityMatch | NodeMatch | NamesMatch;

/**
 * One rule of any policy language: what passes, or does not, between those that its
 * policy selects and its peers.
 */
export interface Rule {
  /** `KIND/NAMESPACE/NAME@<hash of content and place>#ingress[0]`: never the same for two different rules. */
  readonly key: string;
  readonly description: RuleDescription;
  readonly direction: Direction;
  readonly action: Action;
  /** The higher one decides; see {@link normalPrecedence} and {@link orderedPrecedence}. */
  readonly precedence: number;
  /** Null: any peer, also the node and the world. Else any of them; none of them: nobody. */
  readonly peers: readonly Peer[] | null;
  /** Null: any protocol and port. Else any of them; none of them: nothing. */
  readonly ports: readonly PortMatch[] | null;
  /** Its pods must also meet {@link Policy.requires} of every policy that governs the same subject. */
  readonly isNarrowed: boolean;
  /** Of a rule that redirects; null: only {@link serverNames}. */
  readonly l7: L7Rules | null;
  /** Names that a TLS client may ask for (`*`: one label, `**.`: several); empty: any. */
  readonly serverNames: readonly string[];
  readonly controls: Controls;
}

/** What pods must meet, too, as long as the rule that says so is in force. */
export interface RequiredPods {
  readonly pods: PodMatch;
  readonly controls: Controls;
}

/** An object's rules with those that they govern. */
export interface Policy {
  readonly description: Omit<RuleDescription, "rule">;
  readonly subjects: PodMatch | NodeMatch;
  /** Directions in which the selected lose what no rule allows. */
  readonly isolates: Readonly<Record<Direction, boolean>>;
  /** The isolation itself is only tried. */
  readonly isStaged: boolean;
  /** Narrows the pods of rules that say so, whichever policy they stand in. */
  readonly requires: Readonly<Record<Direction, readonly RequiredPods[]>>;
  readonly rules: readonly Rule[];
}

/** Whether something of a policy is only tried. */
export function hasStaged({ isStaged, rules, requires }: Policy): boolean {
  return isStaged || [...rules, ...requires.ingress, ...requires.egress].some(({ controls }) => controls.staged);
}

/**
 * Precedences, from the highest: the failsafe of a node; the Admin tier by priority and place; the normal tier, where
 * a deny goes before a redirect and that before an allow, and after which isolation denies; the
 * Baseline tier; and that nothing is said at all. One number belongs to one action. Fits into 31 bits.
 */
const TIER_BITS = 28;
const PRIORITY_BITS = 16;
const PLACE_BITS = 4;
const PLACES = 4095;
const PRIORITIES = 4095;
const RANK = { deny: 3, redirect: 2, pass: 2, allow: 1 } as const;

export const OrderedTier = { admin: 3, baseline: 1 } as const;
export type OrderedTier = (typeof OrderedTier)[keyof typeof OrderedTier];
const NORMAL = 2;

/** No rule says anything, and no policy isolates: all passes. */
export const FREE_PRECEDENCE = 1;
/** Below here: what is said to pods that no policy of the normal tier isolates. */
export const NORMAL_PRECEDENCE = NORMAL << TIER_BITS;
/** From here on up: the Admin tier. */
export const ADMIN_PRECEDENCE = OrderedTier.admin << TIER_BITS;
/** What no policy takes away: see `HostFailsafe`. */
export const FAILSAFE_PRECEDENCE = (4 << TIER_BITS) | RANK.allow;

/** Of rules in the normal tier: NetworkPolicy and CiliumNetworkPolicy. */
export function normalPrecedence(action: Exclude<Action, "pass">): number {
  return (NORMAL << TIER_BITS) | RANK[action];
}

/**
 * Of rules whose order counts. Of two policies with one priority the rule at the earlier place
 * decides, and a deny at equal places: so the decision is always that of one of the two.
 *
 * @param priority 0 (first) to 4095.
 * @param place of the rule in its list, from 0; beyond 4095 all count as equal.
 */
export function orderedPrecedence(
  tier: OrderedTier,
  priority: number,
  place: number,
  action: Exclude<Action, "redirect">,
): number {
  const first = (PRIORITIES - priority) << PRIORITY_BITS;
  return (tier << TIER_BITS) | first | ((PLACES - Math.min(place, PLACES)) << PLACE_BITS) | RANK[action];
}

/** What a precedence stands for. A pass of the last tier is an allow: nothing comes after it. */
export function actionOf(precedence: number): Action {
  const rank = precedence & ((1 << PLACE_BITS) - 1);
  if (rank === RANK.deny) return "deny";
  if (rank === RANK.allow || precedence < NORMAL_PRECEDENCE) return "allow";
  return precedence < ADMIN_PRECEDENCE ? "redirect" : "pass";
}

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
