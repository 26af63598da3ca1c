import { type MapHandle, WordArray } from "libbpf-ts";
import { encodePrefix, epochBucket } from "./address.ts";
import type { Control } from "./kernel.ts";
import { ControlWord } from "./layouts.gen.ts";

/** The map `control`, through shared memory: each change is one atomic store. */
export class KernelControl implements Control, Disposable {
  readonly #words: WordArray;

  constructor(handle: MapHandle) {
    this.#words = new WordArray(handle);
  }

  generation(): bigint {
    return this.#words.load(ControlWord.GENERATION);
  }

  advanceGeneration(): bigint {
    return this.#words.increment(ControlWord.GENERATION);
  }

  raiseEpoch(prefix: string): void {
    const { family, bytes, bits } = encodePrefix(prefix);
    const isHost = bits === (family === 1 ? 32 : 128);
    this.#words.increment(isHost ? ControlWord.BUCKETS + epochBucket(bytes) : ControlWord.EPOCH);
  }

  /** Whether tc asks the prefilter. */
  setPrefilter(on: boolean): void {
    this.#words.store(ControlWord.PREFILTER, on ? 1n : 0n);
  }

  [Symbol.dispose](): void {
    this.#words[Symbol.dispose]();
  }
}
