import type { ConnectionTuple, EndJudgement, Judgement } from "#agent/proxy/judgement.ts";

/** What a proxy under test is made to believe. */
export interface World {
  readonly judgement: Judgement | null;
  /** Of every connection, in place of what its socket says. */
  readonly tuple: Partial<ConnectionTuple>;
}

const nothing: EndJudgement = { endpoint: 0, identity: 2, isRedirected: false, isPlain: false, references: [] };

/** The client, endpoint 7, lets everything pass, or asks for the rules of some references. */
export function judgement(asked: "plain" | readonly number[]): Judgement {
  const source = { ...nothing, endpoint: 7, identity: 300, isRedirected: true };
  return {
    source: asked === "plain" ? { ...source, isPlain: true, references: [1] } : { ...source, references: asked },
    destination: nothing,
  };
}
