import { BpfError, BpfMap, bytes, MapHandle, PerCpuMap, Program, programIds, programMapIds, u32 } from "libbpf-ts";
import { type CounterKey, counterKey, counterValue } from "#agent/datapath/layouts.gen.ts";
import type { InstrumentedObject } from "./instrument.ts";

/** Names of the map that counts drops, as `bpf/lib/events.h` has it. */
const dropCounters = "counters";

/**
 * Looks after every instrumented program that anybody on this machine loads, and keeps hold of its maps,
 * so that what it noted is there when the program and its process are gone.
 */
export class Collector implements Disposable {
  readonly #objects: ReadonlyMap<string, InstrumentedObject>;
  readonly #held = new Map<number, MapHandle>();
  #lastProgram = 0;

  constructor(objects: readonly InstrumentedObject[]) {
    this.#objects = new Map(objects.map((object) => [object.map, object]));
    // What was there before is none of this run.
    for (const id of programIds()) this.#lastProgram = id;
  }

  /** Looks for programs that came since the last call. */
  look(): void {
    for (const id of programIds(this.#lastProgram)) {
      this.#lastProgram = id;
      ignoreGone(() => {
        using program = Program.openById(id);
        this.#hold(programMapIds(program.fd));
      });
    }
  }

  /** By the map's name, what its counters say, of all programs together. */
  counts(): Map<string, number[]> {
    const counts = new Map([...this.#objects.values()].map(({ map, counters }) => [map, zeros(counters)]));
    for (const handle of this.#held.values()) {
      const sums = counts.get(handle.info.name);
      if (sums === undefined) continue;
      const value = new BpfMap(handle, u32, bytes(8 * sums.length)).get(0) ?? new Uint8Array(0);
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      for (const index of sums.keys()) sums[index] = (sums[index] ?? 0) + Number(view.getBigUint64(8 * index, true));
    }
    return counts;
  }

  /** Where packets were dropped. */
  drops(): CounterKey[] {
    return [...this.#held.values()]
      .filter(({ info }) => info.name === dropCounters)
      .flatMap((handle) => [...new PerCpuMap(handle, counterKey, counterValue).entries()].map(([key]) => key));
  }

  #hold(ids: readonly number[]): void {
    using stack = new DisposableStack();
    const maps = ids.map((id) => stack.use(MapHandle.openById(id)));
    if (!maps.some(({ info }) => this.#objects.has(info.name))) return;
    for (const { info } of maps) {
      if (this.#held.has(info.id) || (info.name !== dropCounters && !this.#objects.has(info.name))) continue;
      this.#held.set(info.id, MapHandle.openById(info.id));
    }
  }

  [Symbol.dispose](): void {
    for (const handle of this.#held.values()) handle[Symbol.dispose]();
  }
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** Other programs of the machine come and go. */
function ignoreGone(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof BpfError && error.code === "not-found")) throw error;
  }
}
