import type { NearestRule } from "#agent/api/policy-views.ts";
import type { Denial, FlowContext, RequestDenial, RequestRefusal } from "./context.ts";
import type { KeptRequest } from "./request.ts";

const kept = 1024;

/**
 * Remembers what the nearest rule of a denial was: a pod that knocks again and again
 * gets one search, and a flood of different ones a bounded number between two rests.
 */
export class NearestRules {
  readonly #context: FlowContext;
  readonly #answers = new Map<string, NearestRule | null>();
  /** As long as the requests themselves are kept. */
  readonly #refusals = new WeakMap<KeptRequest, RequestRefusal>();
  readonly #budget: number;
  #left: number;

  /** @param budget searches between two calls of {@link rest}. */
  constructor(context: FlowContext, budget = 64) {
    this.#context = context;
    this.#budget = budget;
    this.#left = budget;
  }

  /** The caller has let others work: the budget is whole again. */
  rest(): void {
    this.#left = this.#budget;
  }

  /** Undefined: too much was asked at once. */
  find(denial: Denial): NearestRule | null | undefined {
    const key = keyOf(denial);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    if (this.#left === 0) return undefined;
    this.#left--;
    const answer = this.#context.nearest(denial);
    this.#answers.set(key, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > kept && !oldest.done) this.#answers.delete(oldest.value);
    return answer;
  }

  /** Of a request that was denied. Undefined: too much was asked at once. */
  refusal(request: KeptRequest, denial: Denial): RequestRefusal | undefined {
    const known = this.#refusals.get(request);
    if (known !== undefined) return known;
    if (this.#left === 0) return undefined;
    this.#left--;
    const asked: RequestDenial = { ...denial, content: request.content };
    const answer = this.#context.requestRefusal(asked);
    this.#refusals.set(request, answer);
    return answer;
  }
}

/** Addresses are part of it, because `because` may name them. */
function keyOf({ generation, direction, source, destination, protocol, port, ...addresses }: Denial): string {
  const ends = [source.identity, addresses.sourceAddress, destination.identity, addresses.destinationAddress];
  return [generation, direction, protocol, port, ...ends].join(" ");
}
