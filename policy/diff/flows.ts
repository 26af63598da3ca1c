import { type Decision, type Evaluation, Evaluator, type NearMiss, bothVerdicts } from "#policy/explain/evaluate.ts";
import { type Flow, type Party, reservedOf } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { type Direction, type RuleDescription, type Verdict, compareDescriptions } from "#policy/model/rule.ts";
import type { PartyKind } from "#policy/simulate/party-class.ts";
import { Parties } from "#policy/simulate/parties.ts";
import type { RecordedEnd, RecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { FlowResolver } from "#policy/simulate/resolve-flow.ts";
import { World } from "#policy/simulate/world.ts";
import type { DiffOptions } from "./diff.ts";
import { mergeFlows } from "./merge-flows.ts";
import type { PolicyDiff } from "./policy-change.ts";

/** Who was seen at an end. */
export interface SeenParty {
  readonly kind: PartyKind;
  readonly name: string;
  /** By its name or address alone it is known who it is. */
  readonly isPlain: boolean;
}

/** A recorded connection whose verdict changes. */
export interface ChangedFlow {
  readonly flow: Flow;
  readonly source: SeenParty;
  readonly destination: SeenParty;
  /** Records of it. */
  readonly count: number;
  readonly outcome: FlowOutcome;
}

export interface FlowOutcome {
  readonly before: Verdict;
  readonly after: Verdict;
  readonly ends: readonly Direction[];
  readonly by: { readonly before: readonly RuleDescription[]; readonly after: readonly RuleDescription[] };
  readonly nearest: NearMiss | null;
}

const DIRECTIONS: readonly Direction[] = ["egress", "ingress"];

/** As {@link diffPolicies}, but only of traffic that was recorded, with how often it was. */
export function diffFlows(
  before: Iterable<PolicyObject>,
  after: Iterable<PolicyObject>,
  recorded: RecordedFlows,
  { progress, includeStaged = false, ...options }: DiffOptions = {},
): PolicyDiff {
  const worlds = [new World(before, options), new World(after, options)] as const;
  const resolvers = [new FlowResolver(worlds[0], [worlds[1]]), new FlowResolver(worlds[1], [worlds[0]])] as const;
  const judge = new FlowJudge(worlds, includeStaged, options);
  const changed: ChangedFlow[] = [];
  const { flows } = recorded;
  let connections = 0;
  let unknown = 0;
  for (const [i, one] of flows.entries()) {
    const [early, late] = [resolvers[0].resolve(one), resolvers[1].resolve(one)];
    if (!early || !late) {
      unknown += one.count;
      continue;
    }
    connections++;
    const outcome = judge.outcome(early, late);
    if (outcome.before !== outcome.after) {
      const source = nameOf(one.source, late.source, worlds[1]);
      const destination = nameOf(one.destination, late.destination, worlds[1]);
      changed.push({ source, destination, flow: late, count: one.count, outcome });
    }
    if (i % 1000 === 0) progress?.(i, flows.length);
  }
  return {
    changes: mergeFlows(changed),
    classes: judge.classes,
    isComplete: true,
    flows: {
      records: recorded.records,
      connections,
      changed: changed.reduce((sum, { count }) => sum + count, 0),
      unjudged: {
        ...Object.fromEntries(recorded.unjudged),
        ...(unknown > 0 && { "unknown-party": unknown }),
      },
    },
  };
}

/** Judges flows, each class of them once. */
class FlowJudge {
  readonly #evaluators: readonly [Evaluator, Evaluator];
  readonly #parties: Parties;
  readonly #isPromoted: boolean;
  readonly #outcomes = new Map<string, FlowOutcome>();

  constructor(
    worlds: readonly [World, World],
    isPromoted: boolean,
    options: ConstructorParameters<typeof Evaluator>[1],
  ) {
    this.#evaluators = [new Evaluator(worlds[0].objects, options), new Evaluator(worlds[1].objects, options)];
    this.#parties = new Parties(worlds);
    this.#isPromoted = isPromoted;
  }

  get classes(): number {
    return this.#outcomes.size;
  }

  outcome(before: Flow, after: Flow): FlowOutcome {
    const key = `${this.#keyOf(before, 0)} ${this.#keyOf(after, 1)}`;
    let outcome = this.#outcomes.get(key);
    if (!outcome) this.#outcomes.set(key, (outcome = this.#judge(before, after)));
    return outcome;
  }

  #judge(before: Flow, after: Flow): FlowOutcome {
    const [early, late] = [this.#evaluators[0].evaluate(before), this.#evaluators[1].evaluate(after)];
    const isNow = (end: Direction): Decision => this.#decision(late, end);
    const total = bothVerdicts(isNow("egress").verdict, isNow("ingress").verdict);
    const ends = DIRECTIONS.filter((end) => early[end].verdict !== isNow(end).verdict);
    const rules = (lists: readonly (readonly RuleDescription[])[]): RuleDescription[] =>
      lists.flat().sort(compareDescriptions);
    return {
      before: early.verdict,
      after: total,
      ends,
      by: { before: rules(ends.map((end) => early[end].by)), after: rules(ends.map((end) => isNow(end).by)) },
      nearest: ends.map((end) => isNow(end).nearest).find((nearest) => nearest !== null) ?? null,
    };
  }

  #decision(evaluation: Evaluation, end: Direction): Decision {
    const { staged, ...enforced } = evaluation[end];
    return this.#isPromoted ? (staged ?? enforced) : enforced;
  }

  #keyOf({ source, destination, protocol, port }: Flow, world: number): string {
    // A pod that speaks to itself is told by the addresses.
    const isSelf = source.address !== undefined && source.address === destination.address;
    const ends = [source, destination].map((party) => this.#partyKey(party, world));
    return JSON.stringify([...ends, protocol, port, isSelf]);
  }

  #partyKey(party: Party, world: number): unknown {
    const { subject, nodeLabels, names } = party;
    return [subject ?? reservedOf(party), nodeLabels, names, this.#parties.tokensOf(party, world)];
  }
}

function nameOf(
  { namespace, pod, labels, address, names }: RecordedEnd,
  party: Party,
  { pods, book }: World,
): SeenParty {
  const kind = party.subject ? "pod" : reservedOf(party);
  const isListed = address !== null && book.has(address) && kind !== "host";
  if (namespace !== null && pod !== null) {
    const name = `${namespace}/${pod}`;
    return { kind, name, isPlain: pods.has(name) || isListed };
  }
  if (party.subject && address === null) {
    return { kind, name: `${party.subject.namespace}/{${labels.join(",")}}`, isPlain: false };
  }
  if (kind !== "world") return { kind, name: address ?? kind, isPlain: isListed };
  const known = names[0] ? ` (${names[0]})` : "";
  return { kind, name: `${address ?? "somebody"}${known}`, isPlain: address !== null && known === "" };
}
