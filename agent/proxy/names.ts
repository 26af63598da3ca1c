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
