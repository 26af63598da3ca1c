import type { SlotDecision, SlotEntry } from "#agent/datapath/kernel.ts";
import type { Limit } from "#policy/compile/conditions.ts";
import type { EntryDecision, PolicyEntry } from "#policy/compile/entry.ts";
import type { EnforcementOptions } from "./enforcement-options.ts";

/** What an entry's words are in numbers. */
export interface EntryNumbers {
  /** The reference of the rules that decide; what the proxy has to know of them, it is told. */
  readonly rules: (decision: Pick<EntryDecision, "verdict" | "rules">) => number;
  /** The reference of the rule whose limit it is, whose bounds are written then. */
  readonly limit: (limit: Limit) => number;
  /** Boot time, ns, of an instant in ms since 1970. */
  readonly boot: (instant: number) => bigint;
}

/** Numbers of an agent, which keeps them for as long as entries have them. */
export function entryNumbers({
  references,
  redirected,
  kernel,
  boot,
}: Pick<EnforcementOptions, "references" | "redirected" | "kernel" | "boot">): EntryNumbers {
  return {
    rules: ({ verdict, rules }) => {
      const reference = references.intern(rules);
      if (verdict === "redirect") redirected.name(reference, rules);
      return reference;
    },
    limit: ({ rule, rate, connections }) => {
      const reference = references.intern([rule]);
      kernel.limits.write(reference, { rate: rate ?? 0, connections: connections ?? 0 });
      return reference;
    },
    boot,
  };
}

/** 0 would mean that there is no end; beyond 64 bits there is none that anybody waits for. */
const [FIRST_END, LAST_END] = [1n, 2n ** 64n - 1n];

/** An entry as a slot has it. */
export function toSlotEntry(entry: PolicyEntry, numbers: EntryNumbers): SlotEntry {
  const { peer, direction, protocol, port, portBits, below } = entry;
  const decide = ({
    verdict,
    precedence,
    rules,
    isPlain,
    failsOpen,
    limit,
    notAfter,
  }: EntryDecision): SlotDecision => ({
    verdict,
    precedence,
    isPlain,
    failsOpen,
    rule: numbers.rules({ verdict, rules }),
    limit: limit ? numbers.limit(limit) : 0,
    notAfter: notAfter === null ? 0n : clamp(numbers.boot(notAfter)),
  });
  return { peer, direction, protocol, port, portBits, ...decide(entry), below: below && decide(below) };
}

function clamp(end: bigint): bigint {
  return end < FIRST_END ? FIRST_END : end > LAST_END ? LAST_END : end;
}
