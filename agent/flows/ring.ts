import type { FlowVerdict, StagedOutcome } from "#agent/api/flow.ts";
import { ConnectionEnd, EventHook, type EventRecord, eventRecord } from "#agent/datapath/layouts.gen.ts";
import { addressText } from "./address-text.ts";
import type { FlowContext, FlowParty } from "./context.ts";
import { type FlowRecord, flowVerdict } from "./record.ts";
import { SeenNamespaces } from "./seen-namespaces.ts";

type Staged = Pick<FlowRecord, "staged" | "audit">;
const NOTHING_STAGED: Staged = { staged: [], audit: false };

/** How long, in ns, a namespace is named after its latest flow. */
const namespaceAge = 3_600_000_000_000n;

/**
 * The latest events, kept as the kernel's bytes: {@link capacity} of them in one buffer,
 * the oldest overwritten first. A reader is a sequence number; one that is too slow finds
 * that its number is older than {@link oldest}, and knows how many it missed.
 */
export class FlowRing {
  readonly capacity: number;
  readonly #context: FlowContext;
  readonly #records: DataView;
  readonly #times: BigInt64Array;
  readonly #parties: (FlowParty | undefined)[];
  /** By slot; few events have any. */
  readonly #staged = new Map<number, Staged>();
  readonly #namespaces = new SeenNamespaces(namespaceAge);
  readonly #counts: Record<FlowVerdict, number> = { FORWARDED: 0, DROPPED: 0, AUDIT: 0 };
  #next = 0;
  #lost = 0n;
  readonly #waiting = new Set<() => void>();

  /** @param capacity number of events; 65,536 take 10 MiB. */
  constructor(context: FlowContext, capacity = 65_536) {
    this.#context = context;
    this.capacity = capacity;
    this.#records = new DataView(new ArrayBuffer(capacity * eventRecord.size));
    this.#times = new BigInt64Array(capacity);
    this.#parties = Array.from({ length: 2 * capacity });
  }

  /** Sequence number of the oldest event that is kept. */
  get oldest(): number {
    return Math.max(0, this.#next - this.capacity);
  }

  /** Sequence number that the next event will get: how many there were. */
  get next(): number {
    return this.#next;
  }

  /** How many events there were of each verdict. */
  get counts(): Readonly<Record<FlowVerdict, number>> {
    return this.#counts;
  }

  /** Events that never came here because the kernel's ring was full, since the datapath was loaded. */
  get lost(): bigint {
    return this.#lost;
  }

  /** Namespaces that had flows within the last hour, by name. `now` in ns since 1970. */
  namespaces(now: bigint): readonly string[] {
    return this.#namespaces.list(now);
  }

  /** Events that are kept from an instant on, counted back from the newest. `since` in ns since 1970. */
  countSince(since: bigint): number {
    let sequence = this.#next;
    while (sequence > this.oldest && (this.#times[(sequence - 1) % this.capacity] ?? 0n) >= since) sequence--;
    return this.#next - sequence;
  }

  /** Takes the kernel's count of events that found its ring full. */
  setLost(total: bigint): void {
    if (total === this.#lost) return;
    this.#lost = total;
    this.#notify();
  }

  /**
   * Keeps an event, with the names that its ends have now.
   *
   * @param staged ends that what is staged would judge otherwise.
   * @param audit nothing is enforced.
   */
  add(event: EventRecord, staged: readonly StagedOutcome[] = [], audit = false): void {
    const slot = this.#next % this.capacity;
    eventRecord.encode(event, this.#records, slot * eventRecord.size);
    const time = this.#context.wallNanoseconds(event.time);
    this.#times[slot] = time;
    const { source, destination } = this.#partiesOf(event);
    for (const { namespace } of [source, destination]) {
      if (namespace !== null) this.#namespaces.note(namespace, time);
    }
    this.#parties[2 * slot] = source;
    this.#parties[2 * slot + 1] = destination;
    if (staged.length > 0) this.#staged.set(slot, { staged, audit });
    else if (this.#staged.size > 0) this.#staged.delete(slot);
    this.#counts[flowVerdict({ event, staged, audit })]++;
    this.#next++;
    this.#notify();
  }

  /** An event; undefined when it is overwritten, or not there yet. */
  get(sequence: number): FlowRecord | undefined {
    if (sequence < this.oldest || sequence >= this.#next) return undefined;
    const slot = sequence % this.capacity;
    const source = this.#parties[2 * slot];
    const destination = this.#parties[2 * slot + 1];
    const time = this.#times[slot];
    if (!source || !destination || time === undefined) return undefined;
    const event = eventRecord.decode(this.#records, slot * eventRecord.size);
    return { sequence, time, event, source, destination, ...(this.#staged.get(slot) ?? NOTHING_STAGED) };
  }

  /** Resolves at the next event or loss, or when the signal is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      this.#waiting.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    this.#waiting.add(done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
    return promise;
  }

  #notify(): void {
    for (const done of this.#waiting) done();
  }

  /** Ends of the packet; those of the event are of the connection. */
  #partiesOf(event: EventRecord): { source: FlowParty; destination: FlowParty } {
    const from = event.end[event.isReply ? ConnectionEnd.END_DESTINATION : ConnectionEnd.END_SOURCE];
    const to = event.end[event.isReply ? ConnectionEnd.END_SOURCE : ConnectionEnd.END_DESTINATION];
    // Dropped before its ends were looked up: the veth says who one of them is.
    const known = from.identity !== 0 || to.identity !== 0 || from.endpoint !== 0 || to.endpoint !== 0;
    const here = known ? 0 : this.#context.endpointOnInterface(event.ifindex);
    const sends = event.hook === EventHook.POD_EGRESS;
    return {
      source: this.#context.party({
        endpoint: from.endpoint || (sends ? here : 0),
        identity: from.identity,
        address: addressText(event.family, event.source.bytes),
      }),
      destination: this.#context.party({
        endpoint: to.endpoint || (sends ? 0 : here),
        identity: to.identity,
        address: addressText(event.family, event.destination.bytes),
      }),
    };
  }
}
