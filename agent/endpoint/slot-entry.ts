import type { SlotDecision, SlotEntry } from "#agent/datapath/kernel.ts";
import type { Limit } from "#policy/compile/conditions.ts";
import type { EntryDecision, PolicyEntry } from "#policy/compile/entry.ts";
import type { Rule } from "#policy/model/rule.ts";

/** What an entry's words are in numbers. */
export interface EntryNumbers {
  /** The reference of a set of rules. */
  readonly rules: (rules: readonly Rule[]) => number;
  /** The reference of the rule whose limit it is, whose bounds are written then. */
  readonly limit: (limit: Limit) => number;
  /** Boot time, ns, of an instant in ms since 1970. */
  readonly boot: (instant: number) => bigint;
}

/** 0 would mean that there is no end; beyond 64 bits there is none that anybody waits for. */
const [FIRST_END, LAST_END] = [1n, 2n ** 64n - 1n];

/** An entry as a slot has it. */
export function toSlotEntry(entry: PolicyEntry, numbers: EntryNumbers): SlotEntry {
  const { peer, direction, protocol, port, portBits, below } = entry;
  const decide = ({ verdict, precedence, rules, isPlain, limit, notAfter }: EntryDecision): SlotDecision => ({
    verdict,
    precedence,
    isPlain,
    rule: numbers.rules(rules),
    limit: limit ? numbers.limit(limit) : 0,
    notAfter: notAfter === null ? 0n : clamp(numbers.boot(notAfter)),
  });
  return { peer, direction, protocol, port, portBits, ...decide(entry), below: below && decide(below) };
}

function clamp(end: bigint): bigint {
  return end < FIRST_END ? FIRST_END : end > LAST_END ? LAST_END : end;
}
