import type { Action, Direction, Rule } from "#policy/model/rule.ts";
import type { Limit } from "./conditions.ts";

/** The peer of an entry that holds for every peer. */
export const ANY_PEER = 0;

/** What an entry says of its traffic. */
export interface EntryDecision {
  readonly verdict: Action;
  readonly precedence: number;
  /** The rules that decide this traffic, as they are reported. Two equal sets are the same array; empty: no rule. */
  readonly rules: readonly Rule[];
  /** Of a redirect: a rule of its tier allows the same without asking anything of requests, so that all of them pass. */
  readonly isPlain: boolean;
  /** Of a redirect: all its rules let new connections pass as long as the proxy does not work. */
  readonly failsOpen: boolean;
  /**
   * Milliseconds since 1970, from when on it does not hold; null: it always does. Afterwards, until the policy is
   * compiled anew, an allow of the normal tier denies what no other look-up decides in that tier or above, and
   * anything else denies in its own place.
   */
  readonly notAfter: number | null;
  readonly limit: Limit | null;
}

/** An entry of a policy map without its peer. */
export interface EntryTemplate extends EntryDecision {
  readonly direction: Direction;
  /** IP protocol number; 0: any, and then no port bits. */
  readonly protocol: number;
  /** Host order; the bits beyond `portBits` are zero. ICMP: the type. */
  readonly port: number;
  /** Leading bits of the port that count: 0 (any port) to 16. */
  readonly portBits: number;
  /** What counts in place of this where the highest precedence of all look-ups says `pass`; null: nothing. */
  readonly below: EntryDecision | null;
}

/** One entry of a policy map, before it has a byte layout. */
export interface PolicyEntry extends EntryTemplate {
  /** Identity, address class, or {@link ANY_PEER}. */
  readonly peer: number;
}

export interface CompiledPolicy {
  readonly entries: PolicyEntry[];
  /** Directions in which what no entry allows is denied. */
  readonly selects: Readonly<Record<Direction, boolean>>;
  /**
   * The entries as they would be if everything that is only staged were in force; null where
   * nothing is staged for this subject.
   */
  readonly staged: PolicyEntry[] | null;
}
