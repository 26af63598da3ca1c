import type { L7Rules } from "#policy/model/l7.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import type { EndJudgement, Judgement } from "./judgement.ts";

/** A rule that asks for the proxy. */
export interface ProxyRule {
  readonly description: RuleDescription;
  /** Null: only {@link serverNames} are asked for. */
  readonly l7: L7Rules | null;
  /** Names that a TLS client may ask for; empty: nothing is said of TLS. */
  readonly serverNames: readonly string[];
}

/** What the requests of a connection have to meet at one of its ends that looks at them. */
export interface EndRules {
  readonly end: "source" | "destination";
  /** Everything passes here, because a rule that asks nothing of requests allows the connection. */
  readonly isPlain: boolean;
  /** Any of them has to be met, unless {@link isPlain}. */
  readonly rules: readonly ProxyRule[];
}

/** What is decided of a request. */
export interface Decision {
  readonly isAllowed: boolean;
  /** The rules that allow it, one of each end; of a denial: none. An end that is plain names the rules that were asked. */
  readonly rules: readonly RuleDescription[];
  /** Where it is denied. */
  readonly deniedBy: EndRules["end"] | null;
}

/** A new version of the rules that the agent tells the proxy of. */
export interface RuleUpdate {
  readonly version: number;
  /** Whether all rules that were known before are gone. */
  readonly isWhole: boolean;
  readonly added: readonly { readonly reference: number; readonly rules: readonly ProxyRule[] }[];
  readonly removed: readonly number[];
}

/** By their references: the number, or of several their text. */
type KnownEnds = Map<number | string, EndRules>;
const MOST_KNOWN = 4096;

/** The rules behind the references that the datapath gives. A reference never comes to mean other rules. */
export class RuleBook {
  readonly #rules = new Map<number, readonly ProxyRule[]>();
  /** Ends that were asked for, each of them not plain and plain. */
  #ends = noEnds();
  #version = 0;

  /** Of the last update; 0: there was none. */
  get version(): number {
    return this.#version;
  }

  apply({ version, isWhole, added, removed }: RuleUpdate): void {
    this.#ends = noEnds();
    if (isWhole) this.#rules.clear();
    for (const reference of removed) this.#rules.delete(reference);
    for (const { reference, rules } of added) this.#rules.set(reference, rules);
    this.#version = version;
  }

  /** What requests have to meet at the ends that look at them; a reference that nobody has told of allows nothing. */
  endRules({ source, destination }: Judgement): EndRules[] {
    const ends: EndRules[] = [];
    if (source.isRedirected) ends.push(this.#endRules("source", source));
    if (destination.isRedirected) ends.push(this.#endRules("destination", destination));
    return ends;
  }

  /** The same object for the same references, until the next update: this is asked for with each request. */
  #endRules(end: EndRules["end"], { isPlain, references }: EndJudgement): EndRules {
    const known = this.#ends[end][isPlain ? 1 : 0];
    const key = references.length === 1 ? (references[0] ?? 0) : references.join();
    let found = known.get(key);
    if (found === undefined) {
      if (known.size >= MOST_KNOWN) known.clear();
      found = { end, isPlain, rules: references.flatMap((one) => this.#rules.get(one) ?? []) };
      known.set(key, found);
    }
    return found;
  }
}

function noEnds(): Record<EndRules["end"], readonly [KnownEnds, KnownEnds]> {
  return { source: [new Map(), new Map()], destination: [new Map(), new Map()] };
}

/** Decides by the rules of all ends: each has to be plain, or to have a rule that the request meets. */
export function decide(ends: readonly EndRules[], meets: (rule: ProxyRule) => boolean): Decision {
  const allowing: RuleDescription[] = [];
  for (const { end, isPlain, rules } of ends) {
    const met = rules.find(meets);
    if (!met && !isPlain) return { isAllowed: false, rules: [], deniedBy: end };
    if (met) allowing.push(met.description);
    else allowing.push(...rules.map(({ description }) => description));
  }
  return { isAllowed: true, rules: allowing, deniedBy: null };
}
