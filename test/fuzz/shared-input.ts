import { LONGEST } from "./mutator.ts";

export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly memory: SharedArrayBuffer;
}

const STOP = 0;
const COUNT = 1;
const LENGTH = 2;
const HEAD = 3 * Int32Array.BYTES_PER_ELEMENT;

/** The input that a worker is at, in memory that others see, too: also when the worker does not answer any more. */
export class SharedInput {
  readonly #numbers: Int32Array;
  readonly #units: Uint16Array;

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD + LONGEST * Uint16Array.BYTES_PER_ELEMENT);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory, 0, 3);
    this.#units = new Uint16Array(memory, HEAD);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#numbers, STOP) === 1;
  }

  stop(): void {
    Atomics.store(this.#numbers, STOP, 1);
  }

  /** How many inputs there were. */
  get count(): number {
    return Atomics.load(this.#numbers, COUNT);
  }

  set(text: string): void {
    for (let i = 0; i < text.length; i++) this.#units[i] = text.charCodeAt(i);
    Atomics.store(this.#numbers, LENGTH, text.length);
    Atomics.add(this.#numbers, COUNT, 1);
  }

  get(): string {
    const units = this.#units.subarray(0, Atomics.load(this.#numbers, LENGTH));
    return Array.from(units, (unit) => String.fromCharCode(unit)).join("");
  }
}
