import type { PolicyEngine } from "#policy/compile/engine.ts";
import { ANY_PEER } from "#policy/compile/entry.ts";
import { type Judgement, PolicyMap } from "#policy/compile/policy-map.ts";
import type { Governed } from "#policy/model/identity.ts";
import {
  type Direction,
  type Policy,
  type Rule,
  type RuleDescription,
  type Verdict,
  hasStaged,
} from "#policy/model/rule.ts";

/** One end of a connection, as its policy is asked about it. */
export interface StagedQuestion {
  readonly direction: Direction;
  /** Who is at the other end; 0: nobody knows. */
  readonly identity: number;
  /** 0: none. */
  readonly addressClass: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port; ICMP: the type. */
  readonly port: number;
}

/** What would become of one end of a connection if everything staged were in force. */
export interface StagedJudgement {
  readonly outcome: {
    readonly direction: Direction;
    readonly verdict: Verdict;
    /** The rules that would decide; empty: none does. */
    readonly rules: readonly RuleDescription[];
  };
  /** What is staged and makes it so; empty: nothing can be named. */
  readonly causes: readonly StagedCause[];
}

/** A rule, or a policy for what it says without one. */
export type StagedCause = Rule | Policy;

/** Judgements that are kept for one policy. */
const kept = 4096;

/**
 * The staged policy of endpoints. Only entries of peers that are asked about are computed, and they
 * are kept until the policy, an identity or an address class changes. Where nothing is staged, it costs nothing.
 */
export class StagedPolicy {
  readonly #enforcement: { readonly engine: PolicyEngine };
  #engine: PolicyEngine | null = null;
  #version = 0;
  #isAny = false;
  #ends = new Map<string, StagedEnd>();

  /** @param enforcement says which engine is in force. */
  constructor(enforcement: { readonly engine: PolicyEngine }) {
    this.#enforcement = enforcement;
  }

  /** Whether anything is staged for anybody. */
  get isAny(): boolean {
    this.#follow();
    return this.#isAny;
  }

  /** Null: nothing is staged for this endpoint, or the other end is not known any more. */
  judge(subject: Governed, question: StagedQuestion): StagedJudgement | null {
    const engine = this.#follow();
    if (!this.#isAny) return null;
    const key = engine.policyKey(subject);
    let end = this.#ends.get(key);
    if (!end) this.#ends.set(key, (end = new StagedEnd(engine, subject)));
    return end.judge(question);
  }

  #follow(): PolicyEngine {
    const { engine } = this.#enforcement;
    if (engine !== this.#engine) {
      this.#engine = engine;
      this.#isAny = engine.options.audit === true || engine.policies.some(hasStaged);
      this.#ends = new Map();
    } else if (engine.version !== this.#version) {
      this.#ends = new Map();
    }
    this.#version = engine.version;
    return engine;
  }
}

/** The staged policy of all endpoints with one policy key. */
class StagedEnd {
  readonly #engine: PolicyEngine;
  readonly #subject: Governed;
  readonly #map = new PolicyMap();
  /** Peers whose entries {@link #map} has. */
  readonly #peers = new Set<number>();
  readonly #judgements = new Map<string, StagedJudgement>();
  readonly #isStaged: boolean;
  readonly #silent: Readonly<Record<Direction, SilentCauses>>;

  constructor(engine: PolicyEngine, subject: Governed) {
    this.#engine = engine;
    this.#subject = subject;
    this.#isStaged = this.#learn(ANY_PEER);
    const governing = this.#isStaged ? engine.governing(subject) : [];
    this.#silent = { ingress: silentCauses(governing, "ingress"), egress: silentCauses(governing, "egress") };
  }

  judge(question: StagedQuestion): StagedJudgement | null {
    if (!this.#isStaged) return null;
    const { direction, identity, addressClass, protocol, port } = question;
    const key = `${direction} ${identity} ${addressClass} ${protocol} ${port}`;
    const known = this.#judgements.get(key);
    if (known) return known;
    if (!this.#learn(identity) || !this.#learn(addressClass)) return null;
    const { verdict, rules } = this.#map.judge(direction, question, protocol, port);
    const descriptions = new Map(rules.map(({ description }) => [JSON.stringify(description), description]));
    const judgement = {
      outcome: { direction, verdict, rules: [...descriptions.values()] },
      causes: this.#causes(question, { verdict, rules }),
    };
    if (this.#judgements.size >= kept) this.#judgements.clear();
    this.#judgements.set(key, judgement);
    return judgement;
  }

  /** @returns whether something is known of this peer. */
  #learn(peer: number): boolean {
    if (this.#peers.has(peer)) return true;
    if (peer !== ANY_PEER && !this.#engine.knows(peer)) return false;
    const entries = this.#engine.stagedEntriesFor(this.#subject, peer);
    if (!entries) return false;
    this.#map.add(entries);
    this.#peers.add(peer);
    return true;
  }

  #causes(question: StagedQuestion, { verdict, rules }: Pick<Judgement, "verdict" | "rules">): readonly StagedCause[] {
    const deciding = rules.filter(isStaged);
    if (deciding.length > 0) return deciding;
    const passing = this.#passing(question).filter(isStaged);
    if (passing.length > 0) return passing;
    const { isolating, requiring } = this.#silent[question.direction];
    return verdict === "deny" && rules.length === 0 ? [...new Set([...isolating, ...requiring])] : requiring;
  }

  /** Rules after which a tier does not count. */
  #passing({ direction, identity, addressClass, protocol, port }: StagedQuestion): Rule[] {
    const found = [identity, addressClass, ANY_PEER]
      .filter((peer, i) => peer !== ANY_PEER || i === 2)
      .flatMap((peer) => this.#map.find(peer, direction, protocol, port) ?? []);
    const highest = Math.max(...found.map(({ precedence }) => precedence));
    return found
      .filter(({ precedence, verdict }) => precedence === highest && verdict === "pass")
      .flatMap(({ rules }) => rules);
  }
}

/** Staged policies that matter to a pod without any of their rules. */
interface SilentCauses {
  /** By what none of the policies in force does. */
  readonly isolating: readonly Policy[];
  readonly requiring: readonly Policy[];
}

function silentCauses(governing: readonly Policy[], direction: Direction): SilentCauses {
  const isIsolated = governing.some((policy) => !policy.isStaged && policy.isolates[direction]);
  return {
    isolating: isIsolated ? [] : governing.filter((policy) => policy.isStaged && policy.isolates[direction]),
    requiring: governing.filter(({ requires }) => requires[direction].some(isStaged)),
  };
}

function isStaged({ controls }: Pick<Rule, "controls">): boolean {
  return controls.staged ?? false;
}
