/** Bytes of records that wait for the agent; what came first goes first. */
const BOUND = 16 * 1024 * 1024;
/** Bytes of a batch, about. */
const BATCH = 512 * 1024;

interface Entry {
  readonly count: number;
  readonly texts: Buffer;
}

/** Records of a batch: their JSON texts, joined by commas. */
export interface RecordBatch {
  readonly sequence: number;
  /** Records that were lost before these. */
  readonly lost: number;
  readonly texts: readonly Buffer[];
}

/**
 * Records on their way to the agent, as texts that nobody here reads. A batch is kept until it was read, so that no agent's end
 * takes any away.
 */
export class RecordQueue {
  readonly #bound: number;
  #entries: Entry[] = [];
  #bytes = 0;
  #lost = 0;
  #lostBefore = 0;
  #sequence = 0;
  #batch: RecordBatch | null = null;

  constructor(bound = BOUND) {
    this.#bound = bound;
  }

  /** How many were dropped since the start. */
  get lost(): number {
    return this.#lost;
  }

  add(count: number, texts: Buffer): void {
    // A copy where it lies in a buffer with much else, which would be kept with it.
    const isSmall = texts.length * 2 < texts.buffer.byteLength;
    this.#entries.push({ count, texts: isSmall ? Buffer.from(texts) : texts });
    this.#bytes += texts.length;
    while (this.#bytes > this.#bound) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.texts.length;
      this.#lost += oldest.count;
      this.#lostBefore += oldest.count;
    }
  }

  /** What is to be sent now: the batch that nobody has read yet, or the next one; null: there is none. */
  batch(): RecordBatch | null {
    if (this.#batch !== null || this.#entries.length === 0) return this.#batch;
    const texts: Buffer[] = [];
    for (let bytes = 0; bytes < BATCH;) {
      const entry = this.#entries.shift();
      if (entry === undefined) break;
      texts.push(entry.texts);
      bytes += entry.texts.length;
      this.#bytes -= entry.texts.length;
    }
    this.#batch = { sequence: ++this.#sequence, lost: this.#lostBefore, texts };
    this.#lostBefore = 0;
    return this.#batch;
  }

  /** @returns whether it was the batch that is under way: there may be another one now. */
  read(sequence: number): boolean {
    if (this.#batch?.sequence !== sequence) return false;
    this.#batch = null;
    return true;
  }
}
