import { ANY_PROTOCOL } from "#policy/model/protocol.ts";
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
export interface Decision {
  readonly precedence: number;
  readonly set: RuleSet;
}

export interface PortDecision {
  readonly key: PortKey;
  readonly decision: Decision;
}

/**
 * Turns the claims of rules on one peer's traffic into the fewest entries whose longest
 * match is the decision: an entry takes over what every shorter entry that covers it says,
 * unless it has the higher precedence itself, and is left out when it adds nothing.
 *
 * @param fallback What decides where no claim has a precedence as high.
 */
export function decidePorts(
  claims: readonly PortClaim[],
  sets: RuleSets,
  fallback: Decision | null = null,
): PortDecision[] {
  const byKey = new Map<number, { key: PortKey; precedence: number; rules: number[] }>();
  if (fallback) byKey.set(packKey(ALL_TRAFFIC), { key: ALL_TRAFFIC, precedence: 0, rules: [] });
  for (const { key, rule, precedence } of claims) {
    const packed = packKey(key);
    const own = byKey.get(packed);
    if (!own) byKey.set(packed, { key, precedence, rules: [rule] });
    else if (precedence === own.precedence) own.rules.push(rule);
    else if (precedence > own.precedence) {
      own.precedence = precedence;
      own.rules = [rule];
    }
  }

  // Shorter prefixes first, so that what covers an entry is decided before it.
  const ordered = [...byKey.values()].sort((a, b) => prefixLength(a.key) - prefixLength(b.key));
  const decisions = new Map<number, Decision>();
  const kept: PortDecision[] = [];
  for (const { key, precedence, rules } of ordered) {
    const cover = coverOf(key, decisions);
    const under = cover ?? fallback;
    const decision =
      under && under.precedence >= precedence
        ? under.precedence > precedence
          ? under
          : { precedence, set: sets.union(under.set, sets.of(rules)) }
        : { precedence, set: sets.of(rules) };
    decisions.set(packKey(key), decision);
    if (!cover || cover.precedence !== decision.precedence || cover.set !== decision.set) {
      kept.push({ key, decision });
    }
  }
  return kept;
}

const ALL_TRAFFIC: PortKey = { protocol: ANY_PROTOCOL, port: 0, bits: 0 };

function packKey({ protocol, port, bits }: PortKey): number {
  return (protocol << 21) | (bits << 16) | port;
}

/** Of protocol and port, in bits, as the kernel's key has them. */
function prefixLength({ protocol, bits }: PortKey): number {
  return protocol === ANY_PROTOCOL ? 0 : 8 + bits;
}

/** The decision of the longest entry that is shorter than `key` and covers it. */
function coverOf({ protocol, port, bits }: PortKey, decisions: ReadonlyMap<number, Decision>): Decision | undefined {
  if (protocol === ANY_PROTOCOL) return undefined;
  for (let shorter = bits - 1; shorter >= 0; shorter--) {
    const masked = port & (0xffff << (16 - shorter)) & 0xffff;
    const found = decisions.get(packKey({ protocol, port: masked, bits: shorter }));
    if (found) return found;
  }
  return decisions.get(packKey(ALL_TRAFFIC));
}
