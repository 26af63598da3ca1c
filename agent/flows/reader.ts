import type { FlowLine, LostFlows } from "#agent/api/flow.ts";
import type { FlowQuery } from "#agent/api/flow-filter.ts";
import type { FlowContext } from "./context.ts";
import { flowFilter } from "./filter.ts";
import { NearestRules } from "./nearest.ts";
import type { FlowRecord } from "./record.ts";
import { FlowRenderer } from "./render.ts";
import type { FlowRing } from "./ring.ts";

/** Events that are looked at between two rests. */
const stretch = 256;

/** Reads a ring for any number of readers, each at its own pace: the API's port of flows. */
export class FlowReader {
  readonly #ring: FlowRing;
  readonly #nearest: NearestRules;
  readonly #renderer: FlowRenderer;

  constructor(ring: FlowRing, context: FlowContext) {
    this.#ring = ring;
    this.#nearest = new NearestRules(context);
    this.#renderer = new FlowRenderer(context, this.#nearest);
  }

  /**
   * What is kept, oldest first, then, when following, what comes, until the signal.
   * Batches may be empty: they are where the caller lets others work.
   *
   * @throws at once, before anything is read, what the filter says of a query that is wrong.
   */
  read(query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowLine[]> {
    return this.#read(query, flowFilter(query), signal);
  }

  async *#read(
    query: FlowQuery,
    matches: (record: FlowRecord) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<readonly FlowLine[]> {
    const end = this.#ring.next;
    let lost = this.#ring.lost;
    let cursor = end;
    yield* this.#scan(this.#start(query, matches, end), end, matches, query.lost);
    while (query.follow && !signal.aborted) {
      const until = this.#ring.next;
      yield* this.#scan(cursor, until, matches, query.lost);
      cursor = until;
      if (query.lost && this.#ring.lost > lost) yield [lostLine("PERF_EVENT_RING_BUFFER", this.#ring.lost - lost)];
      lost = this.#ring.lost;
      if (cursor === this.#ring.next) await this.#ring.changed(signal);
    }
  }

  /** The first event of those that are wanted from before `end`. */
  #start(query: FlowQuery, matches: (record: FlowRecord) => boolean, end: number): number {
    const oldest = this.#ring.oldest;
    if (query.last === undefined) return query.follow && query.since === undefined ? end : oldest;
    let start = end;
    for (let left = query.last, sequence = end - 1; left > 0 && sequence >= oldest; sequence--) {
      const record = this.#ring.get(sequence);
      if (record === undefined || !matches(record)) continue;
      start = sequence;
      left--;
    }
    return start;
  }

  *#scan(
    start: number,
    end: number,
    matches: (record: FlowRecord) => boolean,
    tellLost: boolean,
  ): Generator<readonly FlowLine[]> {
    let cursor = start;
    while (cursor < end) {
      const batch: FlowLine[] = [];
      // While this reader rested, the ring may have gone past it.
      const missed = Math.min(this.#ring.oldest, end) - cursor;
      if (missed > 0) {
        cursor += missed;
        if (tellLost) batch.push(lostLine("HUBBLE_RING_BUFFER", BigInt(missed)));
      }
      for (const stop = Math.min(cursor + stretch, end); cursor < stop; cursor++) {
        const record = this.#ring.get(cursor);
        if (record && matches(record)) batch.push(this.#renderer.render(record));
      }
      yield batch;
      this.#nearest.rest();
    }
  }
}

function lostLine(source: LostFlows["lost_events"]["source"], count: bigint): LostFlows {
  return { lost_events: { source, num_events_lost: count.toString() } };
}
