import type { FlowRing } from "#agent/flows/ring.ts";
import type { Observations } from "#agent/metrics/observations.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";

/** What the proxy tells of requests: it is counted, and kept as flows from when there is somebody who keeps them. */
export class RequestLog {
  readonly #observations: Observations;
  #flows: { readonly ring: FlowRing; readonly generation: () => bigint } | null = null;

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  /** @param generation of the policy that is in force. */
  keepIn(ring: FlowRing, generation: () => bigint): void {
    this.#flows = { ring, generation };
  }

  /** @param lost how many the proxy could not tell of since it last told of any. */
  add(records: readonly RequestRecord[], lost: number): void {
    for (const record of records) this.#observations.proxied.add(record);
    this.#observations.proxied.lost(lost);
    if (this.#flows === null) return;
    const { ring, generation } = this.#flows;
    for (const record of records) ring.addRequest(record, generation());
    ring.loseRequests(lost);
    ring.settle();
  }
}
