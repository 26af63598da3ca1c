/** Addresses and ports of a connection, as its client sees them: canonical texts, host order. */
export interface ConnectionTuple {
  readonly protocol: "TCP" | "UDP";
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
}

/** What the datapath says of one end of a proxied connection. */
export interface EndJudgement {
  /** Number of the endpoint that lives there; 0: none of this node. */
  readonly endpoint: number;
  readonly identity: number;
  /** Whether this end's policy wants requests to be looked at. */
  readonly isRedirected: boolean;
  /** Whether a rule of this end that asks nothing of requests allows the connection, too. */
  readonly isPlain: boolean;
  /** Rule references that carry the verdict; see {@link RuleBook}. */
  readonly references: readonly number[];
}

/** Both ends of a proxied connection. */
export interface Judgement {
  readonly source: EndJudgement;
  readonly destination: EndJudgement;
}

/**
 * What the datapath says of connections. It has judged the latest packet that a client has sent by the policy that was
 * in force then, so whoever has read a request asks here and is told what counts for it.
 */
export interface Judgements {
  /** Null: the datapath does not know the connection, or does not let it go on: nothing of it may pass. */
  of(tuple: ConnectionTuple): Judgement | null;
}
