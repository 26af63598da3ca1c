import type { Flow } from "#agent/api/flow.ts";
import { type EventRecord, eventRecord } from "#agent/datapath/layouts.gen.ts";
import type { FlowContext } from "./context.ts";
import { NearestRules } from "./nearest.ts";
import { FlowRenderer } from "./render.ts";
import { FlowRing } from "./ring.ts";

/** Events that nobody keeps, one by one, as flows. */
export class EventRenderer {
  readonly #ring: FlowRing;
  readonly #nearest: NearestRules;
  readonly #renderer: FlowRenderer;
  readonly #bytes = new DataView(new ArrayBuffer(eventRecord.size));

  constructor(context: FlowContext) {
    this.#ring = new FlowRing(context, 1);
    this.#nearest = new NearestRules(context);
    this.#renderer = new FlowRenderer(context, this.#nearest);
  }

  /** The caller has let others work: names, and what was searched for, may be others. */
  rest(): void {
    this.#ring.settle(0n);
    this.#nearest.rest();
  }

  render(event: EventRecord): Flow {
    eventRecord.encode(event, this.#bytes, 0);
    this.#ring.add(this.#bytes, 0);
    const record = this.#ring.get(this.#ring.next - 1);
    if (!record) throw new Error("render event: the ring lost it");
    return this.#renderer.render(record);
  }
}
