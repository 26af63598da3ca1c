import {
  ADMIN_PRECEDENCE,
  type Direction,
  NORMAL_PRECEDENCE,
  type Rule,
  type Verdict,
  compareDescriptions,
} from "#policy/model/rule.ts";
import { ANY_PEER, type EntryDecision, type PolicyEntry } from "./entry.ts";

/** One end's judgement, as a policy map gives it. */
export interface Judgement {
  readonly verdict: Verdict;
  /** The rules that decide, as they are reported; empty: no rule does. */
  readonly rules: readonly Rule[];
  /** Of a redirect: see {@link EntryDecision.isPlain}, of whichever look-up. */
  readonly isPlain: boolean;
  /** Of what decides; 0: no entry does. */
  readonly precedence: number;
}

const NOTHING: Judgement = { verdict: "deny", rules: [], isPlain: false, precedence: 0 };

/** What the kernel does with a policy map, in memory: look-ups by longest match, and their precedence. */
export class PolicyMap {
  /** By peer, direction, protocol, port bits and port. */
  readonly #entries = new Map<number, Map<number, PolicyEntry>>();
  /** Bits that ports of entries have, descending. */
  #lengths: readonly number[] = [];

  constructor(entries: Iterable<PolicyEntry> = []) {
    this.add(entries);
  }

  /** Adds entries, or puts them in the place of those with the same key. */
  add(entries: Iterable<PolicyEntry>): void {
    const lengths = new Set(this.#lengths);
    for (const entry of entries) {
      const found = this.#entries.get(entry.peer);
      const { direction, protocol, portBits, port } = entry;
      const key = packKey(direction, protocol, portBits, port);
      if (found) found.set(key, entry);
      else this.#entries.set(entry.peer, new Map([[key, entry]]));
      lengths.add(entry.portBits);
    }
    this.#lengths = [...lengths].sort((a, b) => b - a);
  }

  /**
   * Judges a flow by what its peer is.
   *
   * @param protocol IP protocol number.
   * @param at Milliseconds since 1970; null: nothing has ended.
   */
  judge(
    direction: Direction,
    peer: { readonly identity: number; readonly addressClass: number },
    protocol: number,
    port: number,
    at: number | null = null,
  ): Judgement {
    const found = [peer.identity, peer.addressClass, ANY_PEER]
      .filter((number, i) => number !== ANY_PEER || i === 2)
      .flatMap((number) => this.find(number, direction, protocol, port) ?? []);
    const upper = highest(found, at);
    if (!upper || upper.verdict !== "pass") return toJudgement(upper);
    return toJudgement(
      highest(
        found.flatMap(({ below }) => below ?? []),
        at,
      ),
    );
  }

  /** The longest match of one look-up. */
  find(peer: number, direction: Direction, protocol: number, port: number): PolicyEntry | undefined {
    const entries = this.#entries.get(peer);
    if (!entries) return undefined;
    for (const bits of this.#lengths) {
      const masked = port & (0xffff << (16 - bits)) & 0xffff;
      const found = entries.get(packKey(direction, protocol, bits, masked));
      if (found) return found;
    }
    return entries.get(packKey(direction, 0, 0, 0));
  }
}

/** Decisions with the highest precedence, as one: the rules of all of them. */
function highest(decisions: readonly EntryDecision[], at: number | null): EntryDecision | null {
  const now = at === null ? decisions : decisions.map((decision) => inForce(decision, at));
  const precedence = Math.max(...now.map((decision) => decision.precedence));
  const [first, ...others] = now.filter((decision) => decision.precedence === precedence);
  if (first?.verdict === "redirect" && now.some(isPlainAllow))
    return highest([{ ...first, isPlain: true }, ...others], null);
  if (!first || others.length === 0) return first ?? null;
  const rules = [...new Set([first, ...others].flatMap((decision) => decision.rules))];
  const isPlain = first.isPlain || others.some((decision) => decision.isPlain);
  return { ...first, isPlain, rules: rules.sort((a, b) => compareDescriptions(a.description, b.description)) };
}

/** Of the normal tier: what makes a redirect plain. */
function isPlainAllow({ verdict, precedence }: EntryDecision): boolean {
  return verdict === "allow" && precedence >= NORMAL_PRECEDENCE;
}

/** What is left of a decision at some time: see {@link EntryDecision.notAfter}. */
function inForce(decision: EntryDecision, at: number): EntryDecision {
  const { notAfter, verdict, precedence } = decision;
  if (notAfter === null || at < notAfter) return decision;
  const isNormal = precedence >= NORMAL_PRECEDENCE && precedence < ADMIN_PRECEDENCE;
  return isNormal && verdict === "allow" ? ENDED_ALLOW : { ...decision, verdict: "deny" };
}

/** Below every rule of the normal tier, and above the Baseline tier: of that, the entry may have hidden something. */
const ENDED_ALLOW: EntryDecision = {
  verdict: "deny",
  precedence: NORMAL_PRECEDENCE,
  rules: [],
  isPlain: false,
  failsOpen: false,
  notAfter: null,
  limit: null,
};

function toJudgement(decision: EntryDecision | null): Judgement {
  if (!decision) return NOTHING;
  const { verdict, rules, isPlain, precedence } = decision;
  // Below a pass there is none: it is of the highest tier.
  return { verdict: verdict === "pass" ? "deny" : verdict, rules, isPlain, precedence };
}

function packKey(direction: Direction, protocol: number, bits: number, port: number): number {
  return (((direction === "egress" ? 256 : 0) + protocol) * 32 + bits) * 65_536 + port;
}
