import type { Isolation } from "#agent/api/policy-views.ts";
import type { FlowContext, IsolatedEnd } from "./context.ts";

const kept = 4096;

/** Who isolates the ends of a generation: looked up once for each end and direction. */
export class Isolations {
  readonly #context: FlowContext;
  readonly #known = new Map<string, Isolation>();
  #generation = -1n;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  of(end: IsolatedEnd): Isolation {
    const { direction, party, generation } = end;
    if (generation !== this.#generation || this.#known.size >= kept) this.#known.clear();
    this.#generation = generation;
    const key = `${direction} ${party.endpoint} ${party.identity}`;
    let isolation = this.#known.get(key);
    if (!isolation) this.#known.set(key, (isolation = this.#context.isolation(end)));
    return isolation;
  }
}
