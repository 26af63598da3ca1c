import { ApiError } from "#agent/api/errors.ts";
import type { CapturedPacket, CaptureLine, CaptureQuery } from "#agent/api/capture-views.ts";
import type { CapturePort } from "#agent/api/ports.ts";
import type { CapturedPacket as RawPacket, CaptureTable } from "#agent/datapath/kernel-captures.ts";
import { DropReason, EventHook } from "#agent/datapath/layouts.gen.ts";
import type { FlowContext } from "#agent/flows/context.ts";
import { dropReasonName } from "#agent/flows/drop-reason.ts";
import { EventRenderer } from "#agent/flows/event-renderer.ts";

/** How long, in ms, one reader may capture. */
const longest = 3_600_000;

/** How often, in ms, the order to capture is renewed, and how long, in ns, it holds: an agent that is killed leaves none. */
const renewal = 1_000;
const held = 5_000_000_000n;

/** Packets that wait for a reader. */
const waitingMax = 8192;

/** Hooks where packets come in by the device, as the node sees it. */
const incoming: readonly number[] = [EventHook.POD_EGRESS, EventHook.NETDEV_INGRESS];

const reasons = new Set(Object.values(DropReason).map(dropReasonName));

export interface CapturesOptions {
  readonly table: CaptureTable;
  readonly flows: FlowContext;
  /** The name of a device; null: it is gone. */
  readonly device: (ifindex: number) => string | null;
  /** Boot time, ns. */
  readonly now: () => bigint;
  /** Is told when the first reader comes, and when the last one has gone. */
  readonly changed: (isCapturing: boolean) => void;
}

/** Dropped packets for whoever wants them. The datapath captures as long as somebody reads, and not longer. */
export class Captures implements CapturePort {
  readonly #options: CapturesOptions;
  readonly #readers = new Set<Reader>();
  readonly #renderer: EventRenderer;
  /** Ends the running pump; null: none runs. */
  #end: AbortController | null = null;
  /** The latest pump, which may be over. */
  #pump: Promise<void> = Promise.resolve();
  #lost = 0n;
  /** Of devices, by index, within one batch. */
  readonly #names = new Map<number, string | null>();

  constructor(options: CapturesOptions) {
    this.#options = options;
    this.#renderer = new EventRenderer(options.flows);
  }

  /** How many read now. */
  get readers(): number {
    return this.#readers.size;
  }

  read(query: CaptureQuery, signal: AbortSignal): AsyncIterable<readonly CaptureLine[]> {
    const unknown = query.reason.find((reason) => !reasons.has(reason));
    if (unknown !== undefined) {
      const known = [...reasons].sort().join(", ");
      throw new ApiError("bad-request", { asked: "capture packets", obstacle: `${unknown} is none of ${known}` });
    }
    return this.#read(new Reader(query), AbortSignal.any([signal, AbortSignal.timeout(longest)]));
  }

  async *#read(reader: Reader, signal: AbortSignal): AsyncGenerator<readonly CaptureLine[]> {
    this.#readers.add(reader);
    try {
      this.#begin();
      while (!signal.aborted) {
        await reader.changed(signal);
        const lines = reader.take();
        if (lines.length > 0) yield lines;
      }
    } finally {
      this.#readers.delete(reader);
      if (this.#readers.size === 0) this.#stop();
      else this.#renew();
    }
  }

  #begin(): void {
    if (this.#end) return this.#renew();
    const end = new AbortController();
    this.#end = end;
    // The ring has one reader at a time.
    this.#pump = this.#pump
      .then(() => this.#run(end.signal))
      .catch((error: unknown) => {
        if (this.#end === end) this.#end = null;
        for (const reader of this.#readers) reader.fail(error);
      });
  }

  #stop(): void {
    this.#end?.abort();
    this.#end = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { table, changed } = this.#options;
    table.stop();
    this.#lost = table.lost();
    this.#renew();
    changed(true);
    const renewing = setInterval(() => {
      this.#renew();
      this.#tellLost();
    }, renewal);
    try {
      for await (const packets of table.read(signal)) {
        this.#renderer.rest();
        this.#names.clear();
        for (const packet of packets) this.#give(packet);
        this.#tellLost();
      }
    } finally {
      clearInterval(renewing);
      table.stop();
      changed(false);
    }
  }

  /** As many bytes as the reader wants who wants the most. */
  #renew(): void {
    const snaplen = Math.max(0, ...[...this.#readers].map(({ query }) => query.snaplen));
    this.#options.table.order(this.#options.now() + held, snaplen);
  }

  #give({ event, bytes }: RawPacket): void {
    const flow = this.#renderer.render(event);
    const packet = {
      interface: { index: event.ifindex, name: this.#nameOf(event.ifindex) },
      way: incoming.includes(event.hook) ? ("in" as const) : ("out" as const),
      length: event.length,
      flow,
    };
    for (const reader of this.#readers) reader.give(packet, bytes);
  }

  #nameOf(ifindex: number): string | null {
    let name = this.#names.get(ifindex);
    if (name === undefined) this.#names.set(ifindex, (name = this.#options.device(ifindex)));
    return name;
  }

  #tellLost(): void {
    const lost = this.#options.table.lost();
    if (lost === this.#lost) return;
    for (const reader of this.#readers) reader.lose(Number(lost - this.#lost));
    this.#lost = lost;
  }
}

/** One who captures, and what waits for him. */
class Reader {
  readonly query: CaptureQuery;
  #waiting: CaptureLine[] = [];
  #lost = 0;
  #error: unknown = null;
  #wake: () => void = () => {};

  constructor(query: CaptureQuery) {
    this.query = query;
  }

  give(packet: Omit<CapturedPacket, "data">, bytes: Uint8Array): void {
    const { pod, reason, snaplen } = this.query;
    const { source, destination, drop_reason_desc: why = "" } = packet.flow;
    const isOf =
      pod.length === 0 || [source, destination].some((end) => pod.includes(`${end.namespace}/${end.pod_name}`));
    if (!isOf || (reason.length > 0 && !reason.includes(why))) return;
    if (this.#waiting.length >= waitingMax) return this.lose(1);
    this.#waiting.push({ ...packet, data: Buffer.from(bytes.subarray(0, snaplen)).toString("base64") });
    this.#wake();
  }

  lose(count: number): void {
    this.#lost += count;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#wake();
  }

  /** @throws what the reader has failed with. */
  take(): readonly CaptureLine[] {
    if (this.#error !== null) throw this.#error;
    const lines = this.#waiting;
    if (this.#lost > 0) lines.push({ lost_packets: this.#lost });
    this.#waiting = [];
    this.#lost = 0;
    return lines;
  }

  /** Resolves when there is something to take, or with the signal. */
  changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    this.#wake = done;
    signal.addEventListener("abort", done);
    if (signal.aborted || this.#waiting.length > 0 || this.#lost > 0 || this.#error !== null) done();
    return promise;
  }
}
