import { ANY_PROTOCOL } from "#policy/model/protocol.ts";
import { normalPrecedence } from "#policy/model/rule.ts";
import type { RuleSet, RuleSets } from "./rule-sets.ts";

/** Traffic to which something applies: a protocol (0: any) and ports of it that share leading bits. */
export interface PortKey {
  /** IP protocol number; {@link ANY_PROTOCOL} only without port bits. */
  readonly protocol: number;
  readonly port: number;
  readonly bits: number;
}

/** A rule applies to some traffic. */
export interface PortClaim {
  readonly key: PortKey;
  /** The rule's number in its {@link RuleSets}. */
  readonly rule: number;
  readonly precedence: number;
}

/** What decides some traffic: the highest precedence, and all rules that have it. */
export interface PortDecision {
  readonly key: PortKey;
  readonly precedence: number;
  readonly set: RuleSet;
  /** Of a redirect: the rules that allow the same without asking anything of requests; else empty. */
  readonly plain: RuleSet;
}

/** A decision in the making. */
interface Draft extends PortDecision {
  precedence: number;
  set: RuleSet;
  plain: RuleSet;
  /** Those that name this very key, with the highest precedence among them. */
  rules: number[];
  /** Those that name it and allow without asking anything of requests. */
  allowing: number[];
}

/**
 * Turns the claims of rules on one peer's traffic into the fewest entries whose longest
 * match is the decision: an entry takes over what every shorter entry that covers it says,
 * unless it has the higher precedence itself, and is left out when it adds nothing.
 *
 * @param fallback The precedence of what decides without a rule where no claim has a higher one.
 */
export function decidePorts(
  claims: readonly PortClaim[],
  sets: RuleSets,
  fallback: number | null = null,
): PortDecision[] {
  if (fallback === null && isOneRule(claims)) return decideAlone(claims, sets);
  const drafts = new Map<number, Draft>();
  const redirects = claims.some(({ precedence }) => precedence === REDIRECT);
  const undecided = { set: sets.empty, plain: sets.empty };
  if (fallback !== null) {
    drafts.set(packKey(ALL_TRAFFIC), { key: ALL_TRAFFIC, precedence: fallback, rules: [], allowing: [], ...undecided });
  }
  for (const { key, rule, precedence } of claims) {
    const packed = packKey(key);
    const draft = drafts.get(packed);
    const isAllowing = redirects && precedence === ALLOW;
    if (isAllowing) draft?.allowing.push(rule);
    if (!draft) {
      drafts.set(packed, { key, precedence, rules: [rule], allowing: isAllowing ? [rule] : [], ...undecided });
    } else if (precedence === draft.precedence) {
      draft.rules.push(rule);
    } else if (precedence > draft.precedence) {
      draft.precedence = precedence;
      draft.rules = [rule];
    }
  }

  // Shorter prefixes first, so that what covers an entry is decided before it.
  const ordered = [...drafts.values()].sort((a, b) => prefixLength(a.key) - prefixLength(b.key));
  const lengths = lengthsOf(ordered);
  const kept: PortDecision[] = [];
  for (const draft of ordered) {
    const cover = coverOf(draft.key, lengths, drafts);
    const covering = cover?.plain ?? sets.empty;
    draft.plain = redirects ? sets.union(covering, sets.of(draft.allowing)) : sets.empty;
    if (cover && cover.precedence > draft.precedence) {
      draft.precedence = cover.precedence;
      draft.set = cover.set;
      if (draft.precedence === REDIRECT && draft.plain !== covering) kept.push(draft);
      continue;
    }
    const own = sets.of(draft.rules);
    const above = cover?.precedence === draft.precedence ? cover.set : sets.empty;
    draft.set = sets.union(above, own);
    const isOther = draft.precedence === REDIRECT && draft.plain !== covering;
    if (draft.set !== above || draft.set === sets.empty || isOther) kept.push(draft);
  }
  return kept;
}

const REDIRECT = normalPrecedence("redirect");
const ALLOW = normalPrecedence("allow");

/** Whether all claims are of one rule, and none covers another. */
function isOneRule(claims: readonly PortClaim[]): boolean {
  const [first] = claims;
  if (!first) return true;
  const length = prefixLength(first.key);
  return claims.every(({ key, rule }) => rule === first.rule && prefixLength(key) === length);
}

/** The common case, in less time: every claim is a decision. */
function decideAlone(claims: readonly PortClaim[], sets: RuleSets): PortDecision[] {
  const [first] = claims;
  if (!first) return [];
  const { precedence, rule } = first;
  const set = sets.of([rule]);
  const keys = new Map(claims.map(({ key }) => [packKey(key), key]));
  return [...keys.values()].map((key) => ({ key, precedence, set, plain: sets.empty }));
}

/** A decision, and the one that counts where the first passes. */
export interface StackedDecision {
  readonly key: PortKey;
  readonly upper: PortDecision;
  readonly lower: PortDecision | null;
}

/** Brings two sets of entries together into one whose longest match gives the longest match of each. */
export function stackDecisions(upper: readonly PortDecision[], lower: readonly PortDecision[]): StackedDecision[] {
  const uppers = new Map(upper.map((decision) => [packKey(decision.key), decision]));
  const lowers = new Map(lower.map((decision) => [packKey(decision.key), decision]));
  const keys = new Map([...upper, ...lower].map(({ key }) => [packKey(key), key]));
  const find = (key: PortKey, decisions: ReadonlyMap<number, PortDecision>, lengths: readonly number[]) =>
    decisions.get(packKey(key)) ?? coverOf(key, lengths, decisions) ?? null;
  const upperLengths = lengthsOf(upper);
  const lowerLengths = lengthsOf(lower);
  return [...keys.values()].flatMap((key) => {
    const above = find(key, uppers, upperLengths);
    return above ? [{ key, upper: above, lower: find(key, lowers, lowerLengths) }] : [];
  });
}

const ALL_TRAFFIC: PortKey = { protocol: ANY_PROTOCOL, port: 0, bits: 0 };

function packKey({ protocol, port, bits }: PortKey): number {
  return (protocol << 21) | (bits << 16) | port;
}

/** Of protocol and port, in bits, as the kernel's key has them. */
function prefixLength({ protocol, bits }: PortKey): number {
  return protocol === ANY_PROTOCOL ? 0 : 8 + bits;
}

/** Bits that entries have, descending. */
function lengthsOf(decisions: readonly PortDecision[]): number[] {
  return [...new Set(decisions.map(({ key }) => key.bits))].sort((a, b) => b - a);
}

/**
 * The decision of the longest entry that is shorter than `key` and covers it.
 *
 * @param lengths Bits that entries have, descending.
 */
function coverOf<T>(
  { protocol, port, bits }: PortKey,
  lengths: readonly number[],
  drafts: ReadonlyMap<number, T>,
): T | undefined {
  if (protocol === ANY_PROTOCOL) return undefined;
  for (const shorter of lengths) {
    if (shorter >= bits) continue;
    const masked = port & (0xffff << (16 - shorter)) & 0xffff;
    const found = drafts.get(packKey({ protocol, port: masked, bits: shorter }));
    if (found) return found;
  }
  return drafts.get(packKey(ALL_TRAFFIC));
}
