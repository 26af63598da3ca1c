/** What a DNS answer that is about to leave says of a name. */
export interface DnsAnswer {
  /**
   * The name that was asked for: lower case, without the trailing dot. It alone counts for rules: the names of a chain
   * of aliases (CNAME) are what the owner of this one says, who could name anybody.
   */
  readonly name: string;
  /**
   * What the chain of aliases that begins with {@link name} ends at, as canonical texts. Records of the answer that do
   * not belong to the chain are not to be here.
   */
  readonly addresses: readonly AnswerAddress[];
  /** Number of the endpoint that has asked. */
  readonly endpoint: number;
}

export interface AnswerAddress {
  readonly address: string;
  /** Seconds; the least of the chain's records that lead to it. */
  readonly ttl: number;
}

/** Has policy know the addresses of names before anybody is told of them, so that a connection's first packet passes. */
export interface Names {
  /**
   * Null: the answer may leave at once. Else it has to wait until this resolves, which it does within a second or
   * two; it never rejects. After `refused` the answer leaves, too, but its new addresses cannot be reached by the
   * name: there are too many of them, or the agent is away and only it can do what they need.
   */
  admit(answer: DnsAnswer): Promise<Admission> | null;
}

export type Admission = "admitted" | "refused";

/** What a DNS query is answered that no rule lets through. */
export type DnsDenial = "refused" | "nxdomain";

/** What rules say of names, and the operator of all of them. */
export interface SpokenNames {
  /** Texts of rules that speak of names: names and patterns. */
  readonly patterns: readonly string[];
  /** Seconds that every answer counts for at least. */
  readonly minTtl: number;
  readonly denial: DnsDenial;
}

/** What the agent has told of rules and names, for answers that are to be admitted. */
export interface NameRules extends SpokenNames {
  /** The policy generation that the rest of this is about: of another one nothing is known. */
  readonly generation: string;
  /** Identities of addresses that names can grant anything for. */
  readonly outside: readonly number[];
  /** Whether names count for all others, too. */
  readonly grantsInside: boolean;
  /** Address classes that policy knows, with what rules say of them (sorted). */
  readonly classes: readonly NameClass[];
}

export interface NameClass {
  readonly number: number;
  readonly tokens: readonly string[];
  /** Whether policy knows it for as long as the generation lasts, so that an address may be given to it. */
  readonly isLasting: boolean;
}

/** How long, in ms, an address counts beyond the time of its answer: whoever has asked still has to connect. */
export const GRACE = 10_000;

/** Seconds: no answer counts for longer. */
const longestTtl = 7 * 24 * 3600;

/** For how long, in ms, a name stands for an address after an answer. */
export function lifetime(ttl: number, minTtl: number): number {
  return Math.min(Math.max(ttl, minTtl), longestTtl) * 1000 + GRACE;
}
