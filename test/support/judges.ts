import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import { type Evaluation, Evaluator } from "#policy/explain/evaluate.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { Direction } from "#policy/model/rule.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { CompiledCluster, type Judgement, ruleName } from "./compiled-cluster.ts";

type BothEnds = Readonly<Record<Direction, Judgement>>;

/** What each of the three says of one flow. */
export interface Judgements {
  /** As the kernel judges, by compiled policies. */
  readonly compiled: BothEnds;
  /** As `weir policy eval` does. */
  readonly evaluated: BothEnds;
  /** By the text of the specifications. */
  readonly specified: BothEnds;
}

/** All who can judge by one set of objects: what one says, the others must say, too. */
export class Judges {
  readonly #objects: readonly PolicyObject[];
  readonly #options: EngineOptions;
  readonly #cluster: CompiledCluster;
  readonly #evaluator: Evaluator;

  constructor(
    objects: readonly PolicyObject[],
    parties: Iterable<Party>,
    options: EngineOptions = {},
    engine: PolicyEngine = new PolicyEngine(objects, options),
  ) {
    this.#objects = objects;
    this.#options = options;
    this.#cluster = new CompiledCluster(objects, parties, options, engine);
    this.#evaluator = new Evaluator(objects, options);
  }

  /** Judges of other objects, whose engine has come from this one's: only one of the two is of use then. */
  evolve(objects: readonly PolicyObject[], parties: Iterable<Party>): Judges {
    return new Judges(objects, parties, this.#options, this.#cluster.engine.evolve(objects));
  }

  judge(flow: Flow): Judgements {
    const { egress, ingress } = this.#evaluator.evaluate(flow);
    const judgement = ({ verdict, by }: Evaluation[Direction]): Judgement => {
      return { verdict, rules: [...new Set(by.map(ruleName))].sort() };
    };
    return {
      compiled: withoutPlain(this.#cluster.judge(flow)),
      evaluated: { egress: judgement(egress), ingress: judgement(ingress) },
      specified: withoutPlain(judge(this.#objects, flow, this.#options)),
    };
  }
}

/** Whether a redirect is plain is not said by everybody: `equals-the-oracle.test.ts` compares it. */
function withoutPlain({ egress, ingress }: BothEnds): BothEnds {
  const strip = ({ verdict, rules }: Judgement): Judgement => ({ verdict, rules });
  return { egress: strip(egress), ingress: strip(ingress) };
}

/** The same judgement of all three. */
export function unanimous(judgement: BothEnds): Judgements {
  return { compiled: judgement, evaluated: judgement, specified: judgement };
}

/** Whether nothing comes through, by each of the three. */
export function blocked({ compiled, evaluated, specified }: Judgements): [boolean, boolean, boolean] {
  const is = ({ egress, ingress }: BothEnds): boolean => egress.verdict === "deny" || ingress.verdict === "deny";
  return [is(compiled), is(evaluated), is(specified)];
}
