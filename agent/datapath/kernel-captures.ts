import { setInterval } from "node:timers/promises";
import { BpfMap, type MapHandle, PerCpuMap, RingBuffer, u32, u64 } from "libbpf-ts";
import { captureHead, captureOrder, type CaptureOrder, type EventRecord } from "./layouts.gen.ts";

/** A packet that was dropped. */
export interface CapturedPacket {
  readonly event: EventRecord;
  /** Its first bytes, from the Ethernet header on. */
  readonly bytes: Uint8Array;
}

/** What programs capture of the packets that they drop. */
export interface CaptureTable {
  /** @param until boot time, ns: from then on nothing is captured any more. @param snaplen bytes of each packet. */
  order(until: bigint, snaplen: number): void;
  /** Nothing is captured any more, and what nobody has read is forgotten. */
  stop(): void;
  /** What was captured, batch by batch, until the signal: at most 10,000 a second. One reader at a time. */
  read(signal: AbortSignal): AsyncIterable<readonly CapturedPacket[]>;
  /** Packets that found no room, since load: more are dropped than are read. */
  lost(): bigint;
}

/**
 * How often, in ms, it is looked for packets, and how many are taken each time: 10,000 a second. A flood of drops shall not keep
 * the agent from its work.
 */
const interval = 50;
const batch = 500;

export class KernelCaptures implements CaptureTable {
  readonly #ring: MapHandle;
  readonly #orders: BpfMap<number, CaptureOrder>;
  readonly #lost: PerCpuMap<number, bigint>;

  constructor(map: (name: string) => MapHandle) {
    this.#ring = map("captures");
    this.#orders = new BpfMap(map("capture_orders"), u32, captureOrder);
    this.#lost = new PerCpuMap(map("captures_lost"), u32, u64);
  }

  order(until: bigint, snaplen: number): void {
    this.#orders.set(0, { until, snaplen });
  }

  stop(): void {
    this.order(0n, 0);
    using ring = new RingBuffer(this.#ring);
    while (ring.drain(() => null).length > 0);
  }

  async *read(signal: AbortSignal): AsyncGenerator<readonly CapturedPacket[]> {
    using ring = new RingBuffer(this.#ring);
    try {
      for await (const _tick of setInterval(interval, undefined, { signal })) {
        const packets = ring.drain(decode, batch);
        if (packets.length > 0) yield packets;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  lost(): bigint {
    return (this.#lost.get(0) ?? []).reduce((all, value) => all + value, 0n);
  }
}

function decode(view: DataView, offset: number): CapturedPacket {
  const { event, length } = captureHead.decode(view, offset);
  const start = view.byteOffset + offset + captureHead.size;
  return { event, bytes: new Uint8Array(view.buffer, start, length).slice() };
}
