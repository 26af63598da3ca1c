import type { DatapathEvent, EventQuery } from "#agent/api/event-views.ts";
import type { Flow, LostFlows } from "#agent/api/flow.ts";
import type { FlowFilter, FlowQuery } from "#agent/api/flow-filter.ts";
import type { Written } from "#agent/api/json-text.ts";
import type { FlowContext } from "./context.ts";
import { type FilterContext, listFilter, flowFilter, type RecordTest } from "./filter.ts";
import { eventView } from "./event-view.ts";
import { NearestRules } from "./nearest.ts";
import { type FlowRecord, flowType, ownEvent } from "./record.ts";
import { FlowRenderer } from "./render.ts";
import type { FlowRing } from "./ring.ts";
import { refusal } from "./refusal.ts";
import type { FlowSelection } from "./selection.ts";

/** Most events that are looked at between two rests, and the time in ms after which a rest is due in any case. */
const stretch = 256;
const patience = 5;
/** Events between two looks at the clock. */
const step = 16;

/** A matching event, or how many were lost. */
export type FlowItem = FlowRecord | LostFlows;

/** Reads a ring for any number of readers, each at its own pace: the API's port of flows. */
export class FlowReader {
  readonly #ring: FlowRing;
  readonly #nearest: NearestRules;
  readonly #renderer: FlowRenderer;
  readonly #filtering: FilterContext;

  constructor(ring: FlowRing, context: FlowContext) {
    this.#ring = ring;
    this.#nearest = new NearestRules(context);
    this.#renderer = new FlowRenderer(context, this.#nearest);
    const { nodeName } = context;
    const rules = (reference: number) => context.rules(reference);
    const interfaceName = (ifindex: number) => context.interfaceName(ifindex);
    this.#filtering = { nodeName, rules, interfaceName, uuid: (record) => this.#renderer.uuid(record) };
  }

  /** Events that the ring holds, may hold, and has seen since the agent started. */
  get counts(): { readonly kept: number; readonly capacity: number; readonly seen: number } {
    return { kept: this.#ring.next - this.#ring.oldest, capacity: this.#ring.capacity, seen: this.#ring.next };
  }

  /** Namespaces that had flows within the last hour, by name. `now` in ns since 1970. */
  namespaces(now: bigint): readonly string[] {
    return this.#ring.namespaces(now);
  }

  /** Events that are kept from an instant on. `since` in ns since 1970. */
  countSince(since: bigint): number {
    return this.#ring.countSince(since);
  }

  render(record: FlowRecord): Flow {
    return this.#renderer.render(record);
  }

  uuid(record: FlowRecord): string {
    return this.#renderer.uuid(record);
  }

  /**
   * The test that lists of filters stand for: one of the whitelist, or none there, and none of the blacklist.
   *
   * @throws ApiError `bad-request` for what cannot be understood, or is too much.
   */
  filter(whitelist: readonly FlowFilter[], blacklist: readonly FlowFilter[]): RecordTest {
    return listFilter(whitelist, blacklist, this.#filtering);
  }

  /** The test that a query stands for, without its times. @throws ApiError `bad-request`. */
  queryFilter(query: FlowQuery): RecordTest {
    return flowFilter(query, this.#filtering);
  }

  /**
   * Lines of JSON: what is kept, oldest first, then, when following, what comes, until the signal.
   * Batches may be empty: they are where the caller lets others work.
   *
   * @throws at once, before anything is read, what the filter says of a query that is wrong.
   */
  read(query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly (Written | LostFlows)[]> {
    return this.lines(selectionOf(query, this.queryFilter(query)), signal);
  }

  /** As {@link read}, of a selection. */
  lines(selection: FlowSelection, signal: AbortSignal): AsyncGenerator<readonly (Written | LostFlows)[]> {
    return this.#walk(selection, (record) => this.#renderer.write(record), signal);
  }

  /** As {@link read}, of what the kernel has said. */
  events({ type, ...query }: EventQuery, signal: AbortSignal): AsyncGenerator<readonly (DatapathEvent | LostFlows)[]> {
    const filter = this.queryFilter(query);
    const isWanted: RecordTest = (record) =>
      // The datapath knows nothing of requests.
      record.request === null && (type.length === 0 || type.includes(flowType(record.event))) && filter(record);
    return this.#walk(selectionOf(query, isWanted), eventView, signal);
  }

  /** As {@link read}, of events. */
  records(selection: FlowSelection, signal: AbortSignal): AsyncGenerator<readonly FlowItem[]> {
    return this.#walk(selection, keptRecord, signal);
  }

  /** @param keep what becomes of a record while it is in the ring for certain. */
  async *#walk<T>(
    selection: FlowSelection,
    keep: (record: FlowRecord) => T,
    signal: AbortSignal,
  ): AsyncGenerator<readonly (T | LostFlows)[]> {
    const { finish } = selection;
    const woken = finish ? AbortSignal.any([signal, finish]) : signal;
    const isOver = (): boolean => !selection.follow || finish?.aborted === true;
    // Looked at before what there is: what comes between the two is not of this round.
    let isLast = isOver();
    const end = this.#ring.next;
    let { lost, lostRequests } = this.#ring;
    let cursor = yield* this.#start(selection, end);
    let left = selection.limit ?? Infinity;
    for (let until = end; left > 0 && !signal.aborted; isLast = isOver(), until = this.#ring.next) {
      for (const part of this.#scan(cursor, until, selection)) {
        const batch: (T | LostFlows)[] = [];
        for (const item of part.items) {
          if (left === 0) break;
          // What was lost is no flow of those that were asked for.
          if ("lost_events" in item) {
            batch.push(item);
          } else {
            batch.push(keep(item));
            left--;
          }
        }
        try {
          yield batch;
        } finally {
          // Also when the reader hangs up: the next one begins with a whole budget.
          this.#nearest.rest();
        }
        if (part.ended || left === 0 || signal.aborted) return;
      }
      cursor = until;
      if (isLast) return;
      const missed = [this.#ring.lost - lost, this.#ring.lostRequests - lostRequests] as const;
      ({ lost, lostRequests } = this.#ring);
      if (selection.lost && missed[0] > 0n) yield [lostLine("PERF_EVENT_RING_BUFFER", missed[0])];
      if (selection.lost && missed[1] > 0n) yield [lostLine("OBSERVER_EVENTS_QUEUE", missed[1])];
      if (cursor === this.#ring.next && lost === this.#ring.lost && lostRequests === this.#ring.lostRequests) {
        await this.#ring.changed(woken);
      }
    }
  }

  /** The first event of those that are wanted from before `end`. */
  *#start({ from, matches }: FlowSelection, end: number): Generator<readonly never[], number> {
    if (from === "next") return end;
    if (from === "oldest") return this.#ring.oldest;
    let start = end;
    let left = from.newest;
    for (let sequence = end - 1; left > 0 && sequence >= this.#ring.oldest;) {
      for (const rest = new Stretch(); left > 0 && sequence >= this.#ring.oldest && rest.goesOn(); sequence--) {
        const record = this.#ring.get(sequence);
        if (record === undefined || !matches(record)) continue;
        start = sequence;
        left--;
      }
      yield [];
    }
    return start;
  }

  *#scan(
    start: number,
    end: number,
    { matches, ends, follow, lost }: FlowSelection,
  ): Generator<{ readonly items: readonly FlowItem[]; readonly ended: boolean }> {
    let cursor = start;
    while (cursor < end) {
      const items: FlowItem[] = [];
      // While this reader rested, the ring may have gone past it.
      const missed = Math.min(this.#ring.oldest, end) - cursor;
      if (missed > 0) {
        cursor += missed;
        if (lost) items.push(lostLine("HUBBLE_RING_BUFFER", BigInt(missed)));
      }
      let ended = false;
      for (const rest = new Stretch(); cursor < end && !ended && rest.goesOn(); cursor++) {
        const record = this.#ring.get(cursor);
        if (record === undefined) continue;
        ended = follow && ends?.(record) === true;
        if (!ended && matches(record)) items.push(record);
      }
      yield { items, ended };
      if (ended) return;
    }
  }
}

/** How much is done at a stretch. */
class Stretch {
  readonly #begun = performance.now();
  #done = 0;

  goesOn(): boolean {
    if (this.#done >= stretch) return false;
    const isLate = this.#done > 0 && this.#done % step === 0 && performance.now() - this.#begun > patience;
    this.#done++;
    return !isLate;
  }
}

/** @throws ApiError `bad-request` for parts of a query that exclude each other. */
function selectionOf(query: FlowQuery, filter: RecordTest): FlowSelection {
  const { last, first, all, follow, lost } = query;
  const since = query.since === undefined ? undefined : nanoseconds(query.since);
  const until = query.until === undefined ? undefined : nanoseconds(query.until);
  if (first !== undefined && (last !== undefined || follow)) {
    throw refusal("first", `it excludes ${follow ? "follow" : "last"}`);
  }
  if (all && last !== undefined) throw refusal("all", "it excludes last");
  const isFromOldest = all || first !== undefined || since !== undefined || !follow;
  return {
    matches: (record) =>
      (since === undefined || record.time >= since) && (until === undefined || record.time <= until) && filter(record),
    from: last !== undefined ? { newest: last } : isFromOldest ? "oldest" : "next",
    ...(first === undefined ? {} : { limit: first }),
    follow,
    ...(until === undefined ? {} : { ends: ({ time }) => time > until }),
    lost,
  };
}

/** Since 1970; the text's digits beyond the millisecond count. */
function nanoseconds(text: string): bigint {
  const [, digits = ""] = /\.(\d+)/.exec(text) ?? [];
  const seconds = Math.floor(Date.parse(text) / 1000);
  return BigInt(seconds) * 1_000_000_000n + BigInt(digits.slice(0, 9).padEnd(9, "0"));
}

/** With an event of its own, which stays right when the ring goes on. */
function keptRecord(record: FlowRecord): FlowRecord {
  return { ...record, event: ownEvent(record.event) };
}

function lostLine(source: LostFlows["lost_events"]["source"], count: bigint): LostFlows {
  return { lost_events: { source, num_events_lost: count.toString() } };
}
