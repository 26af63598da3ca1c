import { EventRecordView, layouts } from "#agent/datapath/layouts.gen.ts";
import type { FlowParty } from "./context.ts";
import type { FlowRecord } from "./record.ts";

/** A power of two. */
const places = 4096;

/** Fields of an event that no template depends on: they differ from packet to packet. */
const own = new Set(["time", "source", "destination", "source_port", "destination_port", "length", "packets", "bytes"]);
/** Bytes that are, within a word that others share. */
const masked = new Set(["tcp_flags", "icmp_type", "icmp_code", "connection"]);

interface Word {
  /** Bytes from the event's begin. */
  readonly at: number;
  readonly mask: number;
}

interface Template {
  readonly source: FlowParty;
  readonly destination: FlowParty;
  readonly text: string;
}

/**
 * Texts that many flows have in common, by what they depend on: the two ends, and the words of the event that are
 * not the packet's own. A place holds one; what comes there later has it.
 */
export class FlowTemplates {
  readonly #keys = new Int32Array(places * words.length);
  readonly #templates: (Template | undefined)[] = Array.from({ length: places });

  get({ event, source, destination }: FlowRecord, make: () => string): string {
    if (!(event instanceof EventRecordView)) return make();
    const { view, at } = event;
    let sum = Math.imul(source.identity ^ (destination.identity << 16), 0x9e3779b1);
    for (const word of words) sum = Math.imul(sum ^ (view.getInt32(at + word.at, true) & word.mask), 0x85ebca6b);
    const place = (sum ^ (sum >>> 15)) & (places - 1);
    const known = this.#templates[place];
    if (known && known.source === source && known.destination === destination && this.#isAt(place, view, at)) {
      return known.text;
    }
    const text = make();
    this.#templates[place] = { source, destination, text };
    for (const [index, word] of words.entries()) {
      this.#keys[place * words.length + index] = view.getInt32(at + word.at, true) & word.mask;
    }
    return text;
  }

  #isAt(place: number, view: DataView, at: number): boolean {
    const first = place * words.length;
    for (let index = 0; index < words.length; index++) {
      const { at: offset, mask } = words[index] as Word;
      if (this.#keys[first + index] !== (view.getInt32(at + offset, true) & mask)) return false;
    }
    return true;
  }
}

const words: readonly Word[] = wordsOf();

/** The words of an event without its own fields. */
function wordsOf(): Word[] {
  const { size, members } = layouts["event"] ?? { size: 0, members: {} };
  const bytes = new Uint8Array(size).fill(0xff);
  for (const [name, [offset, length]] of Object.entries(members)) {
    if (own.has(name) || masked.has(name)) bytes.fill(0, offset, offset + length);
  }
  const view = new DataView(bytes.buffer);
  return Array.from({ length: size / 4 }, (_, i) => ({ at: 4 * i, mask: view.getInt32(4 * i, true) })).filter(
    ({ mask }) => mask !== 0,
  );
}
