import { hostname } from "node:os";
import { version } from "#agent/api/version.ts";
import type { FlowItem } from "#agent/flows/reader.ts";
import type { FlowSelection } from "#agent/flows/selection.ts";
import { Backoff } from "#agent/runtime/backoff.ts";
import { type Clock, pause } from "#agent/runtime/clock.ts";
import type { Log } from "#agent/runtime/log.ts";
import { type ExportCounts, type FlowExporter, type FlowSource, readToTheEnd } from "./exporter.ts";
import { flowRecord, lostRecord, otlpAttributes } from "./otlp-record.ts";
import { type Delivery, OtlpSender, type SenderOptions } from "./otlp-sender.ts";

/** Records of a request at most, and how long, in ms, a record waits for others. */
const batchSize = 1_000;
const batchInterval = 1_000;
/** How long, in ms, an agent that stops waits for a collector. */
const lastPatience = 2_000;

export interface OtlpExportOptions extends SenderOptions {
  readonly nodeName: string;
  readonly selection: FlowSelection;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Sends flows to a collector of OpenTelemetry, as records of a log. What waits for it is one request and as many
 * flows again; all others are in the ring, and are lost and counted when that overwrites them.
 */
export class OtlpExport implements FlowExporter, Disposable {
  readonly name = "otlp";
  readonly #options: OtlpExportOptions;
  readonly #sender: OtlpSender;
  readonly #backoff = new Backoff({ first: 1_000 });
  #waiting: FlowItem[] = [];
  /** Resolved when flows have come, have gone, or none will come. */
  #changed = Promise.withResolvers<void>();
  #exported = 0;
  #lost = 0;
  #problem: string | null = null;

  /** @throws ExportError `otlp` when a file that an option names cannot be read. */
  constructor(options: OtlpExportOptions) {
    this.#options = options;
    this.#sender = new OtlpSender(options);
  }

  get counts(): ExportCounts {
    return { exported: this.#exported, lost: this.#lost };
  }

  get problem(): string | null {
    return this.#problem;
  }

  async run(source: FlowSource, signal: AbortSignal): Promise<void> {
    const noted = (): void => this.#note();
    signal.addEventListener("abort", noted, { once: true });
    const reading = readToTheEnd({ ...this.#options, signal }, (selection, late) =>
      this.#read(source.records(selection, late), signal),
    );
    await Promise.all([reading, this.#send(source, signal)]);
    await this.#sendLast(source);
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
  }

  /** Not further than what there is room for. */
  async #read(flows: ReturnType<FlowSource["records"]>, signal: AbortSignal): Promise<void> {
    for await (const items of flows) {
      if (items.length === 0) continue;
      this.#lost += items.reduce((sum, item) => sum + missedIn(item), 0);
      this.#waiting.push(...items);
      this.#note();
      while (this.#waiting.length >= batchSize && !signal.aborted) await this.#changed.promise;
    }
  }

  async #send(source: FlowSource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#waiting.length === 0) {
        await this.#changed.promise;
        continue;
      }
      await this.#fill(signal);
      const batch = this.#take();
      while (!(await this.#deliver(batch, source, signal))) {
        if (!signal.aborted) continue;
        // For the last attempt.
        this.#waiting.unshift(...batch);
        return;
      }
    }
  }

  /** One attempt, and where it fails the time to wait for the next. @returns whether no other is due. */
  async #deliver(batch: readonly FlowItem[], source: FlowSource, signal: AbortSignal): Promise<boolean> {
    const delivery = await this.#sender.send(this.#request(batch, source), signal);
    if (delivery.kind === "taken") {
      this.#settle(batch, delivery);
      return true;
    }
    if (signal.aborted) return false;
    this.#report(delivery.reason);
    const isRefused = delivery.kind === "refused";
    // By the protocol the same is not sent again.
    if (isRefused) this.#lost += flowsIn(batch);
    const asked = isRefused ? null : delivery.after;
    await pause(this.#options.clock, Math.max(this.#backoff.next(), asked ?? 0), signal);
    return isRefused;
  }

  /** Waits until a request is full, or its first record has waited long enough. */
  async #fill(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const waited = pause(this.#options.clock, batchInterval, AbortSignal.any([signal, over.signal])).then(() =>
      over.abort(),
    );
    while (this.#waiting.length < batchSize && !over.signal.aborted && !signal.aborted) {
      await Promise.race([waited, this.#changed.promise]);
    }
    over.abort();
    await waited;
  }

  /** What is left when the agent stops. */
  async #sendLast(source: FlowSource): Promise<void> {
    const deadline = AbortSignal.timeout(lastPatience);
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const delivery = await this.#sender.send(this.#request(batch, source), deadline);
      if (delivery.kind === "taken") this.#settle(batch, delivery);
      else this.#lost += flowsIn(batch);
    }
  }

  #take(): FlowItem[] {
    const batch = this.#waiting.splice(0, batchSize);
    this.#note();
    return batch;
  }

  #note(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** `ExportLogsServiceRequest` as JSON. */
  #request(batch: readonly FlowItem[], source: FlowSource): string {
    const { nodeName, clock } = this.#options;
    const observed = clock.wallNanoseconds(clock.bootNanoseconds());
    const resource = otlpAttributes({
      "service.name": "weir",
      "service.version": version,
      "host.name": hostname(),
      "k8s.node.name": nodeName,
    });
    const logRecords = batch.map((item) =>
      "lost_events" in item ? lostRecord(item, observed) : flowRecord(source.render(item), item.time, observed),
    );
    const scopeLogs = [{ scope: { name: "weir.flows", version }, logRecords }];
    return JSON.stringify({ resourceLogs: [{ resource: { attributes: resource }, scopeLogs }] });
  }

  #settle(batch: readonly FlowItem[], { rejected, message }: Extract<Delivery, { kind: "taken" }>): void {
    const { endpoint, log } = this.#options;
    const flows = flowsIn(batch);
    const refused = Math.min(rejected, flows);
    this.#exported += flows - refused;
    this.#lost += refused;
    this.#backoff.reset();
    if (refused > 0) {
      this.#report(`it did not take ${refused} of ${flows} records${message === "" ? "" : `: ${message}`}`);
      return;
    }
    if (this.#problem !== null) log.info({ endpoint: endpoint.href }, "flows reach their collector again");
    this.#problem = null;
  }

  #report(reason: string): void {
    const { endpoint, log } = this.#options;
    if (this.#problem === null) log.error({ endpoint: endpoint.href, reason }, "flows do not reach their collector");
    this.#problem = `flows do not reach the collector ${endpoint.href}: ${reason}; those that come meanwhile are kept while the agent has room`;
  }
}

function flowsIn(batch: readonly FlowItem[]): number {
  return batch.reduce((sum, item) => sum + ("lost_events" in item ? 0 : 1), 0);
}

/** Flows that were gone before they could be read. */
function missedIn(item: FlowItem): number {
  if (!("lost_events" in item) || item.lost_events.source !== "HUBBLE_RING_BUFFER") return 0;
  return Number(item.lost_events.num_events_lost);
}
