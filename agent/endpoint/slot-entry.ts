import type { SlotDecision, SlotEntry } from "#agent/datapath/kernel.ts";
import type { EntryDecision, PolicyEntry } from "#policy/compile/entry.ts";
import type { Rule } from "#policy/model/rule.ts";

/** An entry as a slot has it, with numbers for its rules. */
export function toSlotEntry(entry: PolicyEntry, numberOf: (rules: readonly Rule[]) => number): SlotEntry {
  const { peer, direction, protocol, port, portBits, below } = entry;
  const decide = ({ verdict, precedence, rules }: EntryDecision): SlotDecision => {
    return { verdict, precedence, rule: numberOf(rules) };
  };
  return { peer, direction, protocol, port, portBits, ...decide(entry), below: below && decide(below) };
}
