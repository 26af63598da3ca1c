import type { FlowCounts, FlowType, FlowVerdict, StagedOutcome } from "#agent/api/flow.ts";
import { EventHook, EventRecordView, eventRecord, layouts } from "#agent/datapath/layouts.gen.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { Waiting } from "#agent/runtime/waiting.ts";
import { addressText } from "./address-text.ts";
import type { FlowContext, FlowParty } from "./context.ts";
import { PartyMemo } from "./party-memo.ts";
import { type FlowRecord, flowType, flowVerdict } from "./record.ts";
import { type KeptRequest, RequestKeeper, requestSize } from "./request.ts";
import { RequestEvents } from "./request-event.ts";
import { SeenNamespaces } from "./seen-namespaces.ts";

interface Kept {
  readonly request: KeptRequest;
  /** Bytes. */
  readonly size: number;
}

type Staged = Pick<FlowRecord, "staged" | "audit">;
const NOTHING_STAGED: Staged = { staged: [], audit: false };

/** How long, in ns, a namespace is named after its latest flow. */
const namespaceAge = 3_600_000_000_000n;

const [eventSize, eventAt] = layoutOf("event");
const [endSize, endAt] = layoutOf("event_end");
const eventWords = eventSize / 4;
const [sourceAt, destinationAt, endsAt] = [eventAt("source"), eventAt("destination"), eventAt("end")];
const [endpointAt, identityAt] = [endAt("endpoint"), endAt("identity")];

/**
 * The latest events, kept as the kernel's bytes: {@link capacity} of them in one buffer,
 * the oldest overwritten first. A request is an event, too, with its texts beside it; when those
 * take more than they may, the oldest events go before their time. A reader is a sequence number; one that is too slow finds
 * that its number is older than {@link oldest}, and knows how many it missed.
 */
export class FlowRing {
  readonly capacity: number;
  readonly #context: FlowContext;
  readonly #records: DataView;
  readonly #words: Int32Array;
  readonly #times: BigInt64Array;
  readonly #parties: (FlowParty | undefined)[];
  /** By slot; few events have any. */
  readonly #staged = new Map<number, Staged>();
  readonly #namespaces = new SeenNamespaces(namespaceAge);
  readonly #counts: Record<FlowType, Partial<Record<FlowVerdict, number>>> = {
    drop: { DROPPED: 0 },
    "policy-verdict": { FORWARDED: 0, DROPPED: 0, REDIRECTED: 0, AUDIT: 0 },
    trace: { FORWARDED: 0 },
    l7: { FORWARDED: 0, DROPPED: 0, ERROR: 0 },
  };
  /** By slot. */
  readonly #requests: (Kept | undefined)[];
  readonly #events = new RequestEvents();
  readonly #keeper = new RequestKeeper();
  readonly #requestBytes: number;
  readonly #scratch = new DataView(new ArrayBuffer(eventSize));
  /** Of {@link #requests}, together. */
  #size = 0;
  /** Events before this one are gone, though nothing is in their place yet. */
  #forgotten = 0;
  readonly #known = new PartyMemo();
  /** What a boot time of this batch needs to be a wall clock's; null: nobody has asked yet. */
  #offset: bigint | null = null;
  #next = 0;
  #lost = 0n;
  #lostRequests = 0n;
  readonly #waiting = new Waiting();

  /**
   * @param capacity number of events; 65,536 take 13 MiB.
   * @param requestBytes that the texts of requests may take besides.
   */
  constructor(context: FlowContext, capacity = 65_536, requestBytes = 32 << 20) {
    this.#context = context;
    this.#requestBytes = requestBytes;
    this.capacity = capacity;
    const buffer = new ArrayBuffer(capacity * eventSize);
    this.#records = new DataView(buffer);
    this.#words = new Int32Array(buffer);
    this.#times = new BigInt64Array(capacity);
    this.#parties = Array.from({ length: 2 * capacity });
    this.#requests = Array.from({ length: capacity });
  }

  /** Sequence number of the oldest event that is kept. */
  get oldest(): number {
    return Math.max(this.#forgotten, this.#next - this.capacity);
  }

  /** Sequence number that the next event will get: how many there were. */
  get next(): number {
    return this.#next;
  }

  get counts(): FlowCounts {
    return this.#counts;
  }

  /** Events that never came here because the kernel's ring was full, since the datapath was loaded. */
  get lost(): bigint {
    return this.#lost;
  }

  /** Requests that the proxy could not tell of, since the agent started. */
  get lostRequests(): bigint {
    return this.#lostRequests;
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

  /**
   * Keeps an event, with the names that its ends have now. Readers hear of it with {@link settle}.
   *
   * @param view has an `event` at `offset`, which is copied.
   * @param staged ends that what is staged would judge otherwise.
   * @param audit nothing is enforced.
   */
  add(view: DataView, offset: number, staged: readonly StagedOutcome[] = [], audit = false): void {
    const event = new EventRecordView(view, offset);
    this.#offset ??= this.#context.wallNanoseconds(0n);
    const slot = this.#put(event, event.time + this.#offset);
    if (staged.length > 0) this.#staged.set(slot, { staged, audit });
    const counts = this.#counts[flowType(event)];
    const verdict = flowVerdict({ event, staged, audit, request: null });
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  }

  /**
   * Keeps what the proxy tells of a request, as {@link add} does an event.
   *
   * @param generation of the policy that is in force.
   */
  addRequest(record: RequestRecord, generation: bigint): void {
    const request = this.#keeper.keep(record);
    const size = requestSize(request);
    eventRecord.encode(this.#events.of(record, generation), this.#scratch, 0);
    const slot = this.#put(new EventRecordView(this.#scratch, 0), BigInt(record.time));
    this.#requests[slot] = { request, size };
    this.#size += size;
    for (let { oldest } = this; this.#size > this.#requestBytes && oldest < this.#next - 1; oldest++) {
      this.#forgetRequest(oldest % this.capacity);
      this.#forgotten = oldest + 1;
    }
    const counts = this.#counts.l7;
    counts[request.verdict] = (counts[request.verdict] ?? 0) + 1;
  }

  /** The proxy could not tell of so many requests. Readers hear of it with {@link settle}. */
  loseRequests(count: number): void {
    this.#lostRequests += BigInt(count);
  }

  /** Puts an event into the place of the oldest; what was beside that is gone. */
  #put(event: EventRecordView, time: bigint): number {
    const slot = this.#next % this.capacity;
    const at = slot * eventWords;
    const { view, at: offset } = event;
    for (let i = 0; i < eventWords; i++) this.#words[at + i] = view.getInt32(offset + 4 * i, true);
    this.#times[slot] = time;
    this.#setParties(slot, event);
    if (this.#staged.size > 0) this.#staged.delete(slot);
    this.#forgetRequest(slot);
    this.#next++;
    return slot;
  }

  #forgetRequest(slot: number): void {
    const kept = this.#requests[slot];
    if (kept === undefined) return;
    this.#size -= kept.size;
    this.#requests[slot] = undefined;
  }

  /**
   * Readers hear of what has been added; names are asked for anew.
   *
   * @param lost events that found the kernel's ring full, so far.
   */
  settle(lost = this.#lost): void {
    this.#lost = lost;
    this.#offset = null;
    this.#known.clear();
    this.#waiting.notify();
  }

  /** An event; undefined when it is overwritten, or not there yet. It is right until the next {@link add}. */
  get(sequence: number): FlowRecord | undefined {
    if (sequence < this.oldest || sequence >= this.#next) return undefined;
    const slot = sequence % this.capacity;
    const source = this.#parties[2 * slot];
    const destination = this.#parties[2 * slot + 1];
    const time = this.#times[slot];
    if (!source || !destination || time === undefined) return undefined;
    const event = new EventRecordView(this.#records, slot * eventSize);
    const { staged, audit } = this.#staged.get(slot) ?? NOTHING_STAGED;
    const request = this.#requests[slot]?.request ?? null;
    return { sequence, time, event, source, destination, staged, audit, request };
  }

  /** Resolves at the next event or loss, or when the signal is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#waiting.next(signal);
  }

  /** Ends of the packet; those of the event are of the connection. */
  #setParties(slot: number, event: EventRecordView): void {
    const { view, at } = event;
    const first = at + endsAt;
    const [from, to] = event.isReply ? [first + endSize, first] : [first, first + endSize];
    const identities = [view.getUint32(from + identityAt, true), view.getUint32(to + identityAt, true)] as const;
    let [sender, receiver] = [view.getUint32(from + endpointAt, true), view.getUint32(to + endpointAt, true)];
    if (!identities[0] && !identities[1] && !sender && !receiver) {
      // Dropped before its ends were looked up: the veth says who one of them is.
      const here = this.#context.endpointOnInterface(event.ifindex);
      if (event.hook === EventHook.POD_EGRESS) sender = here;
      else receiver = here;
    }
    this.#parties[2 * slot] = this.#party(sender, identities[0], event, sourceAt, slot);
    this.#parties[2 * slot + 1] = this.#party(receiver, identities[1], event, destinationAt, slot);
  }

  #party(endpoint: number, identity: number, event: EventRecordView, addressAt: number, slot: number): FlowParty {
    return this.#known.get(endpoint, identity, event.view, event.at + addressAt, () => {
      const { bytes } = addressAt === sourceAt ? event.source : event.destination;
      const party = this.#context.party({ endpoint, identity, address: addressText(event.family, bytes) });
      if (party.namespace !== null) this.#namespaces.note(party.namespace, this.#times[slot] ?? 0n);
      return party;
    });
  }
}

/** Bytes of a struct, and where its members begin. */
function layoutOf(struct: string): [number, (member: string) => number] {
  const layout = layouts[struct];
  const offsetOf = (member: string): number => {
    const place = layout?.members[member];
    if (!place) throw new Error(`flow ring: struct ${struct} has no member ${member}`);
    return place[0];
  };
  return [layout?.size ?? 0, offsetOf];
}
