import { bothVerdicts } from "#policy/explain/evaluate.ts";
import type { Direction, Rule, Verdict } from "#policy/model/rule.ts";
import type { Family } from "#policy/simulate/party-class.ts";
import type { PortSegment } from "#policy/simulate/port-segments.ts";
import { type EndChange, saysSame } from "./end-change.ts";

export type Ends = Readonly<Record<Direction, EndChange>>;

/** How traffic between two parties changes: the segments of ports with one change of verdict, or of what requests pass. */
export interface PairChange {
  readonly before: Verdict;
  readonly after: Verdict;
  /** Of the segments, in their order. */
  readonly places: readonly number[];
  /** What the ends say; several, where names decide and it is the same for some of them. */
  readonly ends: readonly Ends[];
}

/** Why traffic changes: the ends whose own verdict does, and the rules that decide there. */
export interface Reason {
  readonly ends: Set<Direction>;
  readonly before: Set<Rule>;
  readonly after: Set<Rule>;
}

const DIRECTIONS: readonly Direction[] = ["egress", "ingress"];

/** Whether addresses of some families can carry a protocol: each version of ICMP belongs to one of them. */
export function isPossible({ protocol }: Pick<PortSegment, "protocol">, families: readonly Family[]): boolean {
  if (protocol === "ICMP") return families.length === 0 || families.includes(4);
  return protocol !== "ICMPv6" || families.length === 0 || families.includes(6);
}

/** What becomes of the traffic of two parties, when both ends are put together. Only what changes. */
export function pairChanges(ends: Ends, segments: readonly PortSegment[], families: readonly Family[]): PairChange[] {
  const [egressBefore, ingressBefore] = [ends.egress.before.verdicts, ends.ingress.before.verdicts];
  const [egressAfter, ingressAfter] = [ends.egress.after.verdicts, ends.ingress.after.verdicts];
  const changes = new Map<string, PairChange & { readonly places: number[] }>();
  for (const [place, segment] of segments.entries()) {
    if (!isPossible(segment, families)) continue;
    const before = bothVerdicts(egressBefore[place] as Verdict, ingressBefore[place] as Verdict);
    const after = bothVerdicts(egressAfter[place] as Verdict, ingressAfter[place] as Verdict);
    // Redirects on both sides are a change where others of their requests pass.
    const isSame = DIRECTIONS.every((direction) => saysSame(ends[direction], place));
    if (before === after && (after !== "redirect" || isSame)) continue;
    const key = `${before} ${after}`;
    const change = changes.get(key);
    if (change) change.places.push(place);
    else changes.set(key, { before, after, places: [place], ends: [ends] });
  }
  return [...changes.values()];
}

/** Adds the reasons of a change on some of its segments. */
export function addReasons({ ends, places }: PairChange, some: ReadonlySet<number>, reason: Reason): void {
  for (const both of ends) {
    for (const direction of DIRECTIONS) {
      const { before, after } = both[direction];
      for (const place of places) {
        if (!some.has(place) || saysSame(both[direction], place)) continue;
        reason.ends.add(direction);
        for (const rule of before.rules[place] ?? []) reason.before.add(rule);
        for (const rule of after.rules[place] ?? []) reason.after.add(rule);
      }
    }
  }
}
