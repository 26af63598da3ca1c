import { setImmediate, setTimeout } from "node:timers/promises";
import type { FlowReader } from "#agent/flows/reader.ts";
import type { LiveFrame } from "./frame.ts";
import { liveFilter, type LiveQuery } from "./live-query.ts";
import { Picture } from "./picture.ts";

/** What is looked at of flows that were before. */
const history = 4096;
/** Between two frames, in ms. */
const pace = 500;
/** How long, in ms, a reader may hear nothing. */
const silence = 10_000;

type Flows = Pick<FlowReader, "records" | "render" | "queryFilter">;
type LiveFilter = ReturnType<typeof liveFilter>;

/** Flows for the page: however many there are, a frame now and then. */
export class LiveFlows {
  readonly #flows: Flows;
  readonly #node: string;

  constructor(flows: Flows, node: string) {
    this.#flows = flows;
    this.#node = node;
  }

  /** @throws at once, before anything is read, what the filter says of a query that is wrong. */
  read(query: LiveQuery, signal: AbortSignal): AsyncGenerator<readonly LiveFrame[]> {
    return this.#frames(liveFilter(query, this.#flows), signal);
  }

  async *#frames(filter: LiveFilter, caller: AbortSignal): AsyncGenerator<readonly LiveFrame[]> {
    const own = new AbortController();
    const signal = AbortSignal.any([caller, own.signal]);
    const reading = new Reading();
    const ended = this.#read(filter, reading, signal);
    // Told below, when the reader comes back.
    ended.catch(() => own.abort());
    try {
      // The first frame has all that was before.
      await reading.changed(signal);
      while (!signal.aborted) {
        const { rows, ...frame } = reading.picture.take();
        const flows = rows.map((record) => this.#flows.render(record));
        yield [{ node: this.#node, ...frame, flows, lost: reading.lost }];
        await quiet(setTimeout(pace, undefined, { signal }));
        await reading.changed(signal);
      }
      if (!caller.aborted) await ended;
    } finally {
      own.abort();
    }
  }

  async #read({ onMap: matches, inTable }: LiveFilter, reading: Reading, signal: AbortSignal): Promise<void> {
    // Begun first: what comes while the history is read is in it.
    const coming = this.#flows.records({ matches, from: "next", follow: true, lost: true }, signal);
    let next = coming.next();
    for await (const items of this.#flows.records(
      { matches, from: { newest: history }, follow: false, lost: false },
      signal,
    )) {
      for (const item of items) {
        if (!("lost_events" in item)) reading.picture.add(item, { inTable: inTable(item), isNew: false });
      }
      // The node's other work gets its turn.
      await setImmediate();
    }
    reading.tell();
    for (let result = await next; !result.done; result = await next) {
      for (const item of result.value) {
        if ("lost_events" in item) reading.lost += Number(item.lost_events.num_events_lost);
        else reading.picture.add(item, { inTable: inTable(item), isNew: true });
      }
      if (result.value.length > 0) reading.tell();
      await setImmediate();
      next = coming.next();
    }
  }
}

/** What one reader has before it. */
class Reading {
  readonly picture = new Picture();
  lost = 0;
  #next = Promise.withResolvers<void>();

  tell(): void {
    this.#next.resolve();
  }

  /** Resolves when there is something new, or after a while. */
  async changed(signal: AbortSignal): Promise<void> {
    const own = new AbortController();
    const late = setTimeout(silence, undefined, { signal: AbortSignal.any([signal, own.signal]) });
    await Promise.race([this.#next.promise, quiet(late)]);
    own.abort();
    this.#next = Promise.withResolvers<void>();
  }
}

/** A pause that may be cut short. */
async function quiet(pause: Promise<void>): Promise<void> {
  await pause.catch((error: unknown) => {
    if (!(error instanceof Error && error.name === "AbortError")) throw error;
  });
}
