import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import type { ObjectText } from "./object-text.ts";
import { Listeners, type ObjectProblem, type ObjectSource } from "./object-source.ts";

/** All objects at one moment, no two of which have the same kind, namespace and name. */
export interface ObjectSnapshot {
  /** The same array as in the snapshot before where only problems have changed. */
  readonly objects: readonly PolicyObject[];
  readonly problems: readonly ObjectProblem[];
}

/**
 * Several sources as one. Where two groups define the same object, the one in force
 * stays, at start the first in the order of sources and groups; the other is a problem
 * that names both places until one of them is gone.
 */
export class MergedObjects implements Disposable {
  readonly #sources: readonly ObjectSource[];
  readonly #listeners = new Listeners();
  readonly #subscriptions = new DisposableStack();
  /** Which group has an object in force. */
  #holders = new Map<string, string>();
  #snapshot: ObjectSnapshot = { objects: [], problems: [] };

  constructor(sources: readonly ObjectSource[]) {
    this.#sources = sources;
    this.#snapshot = this.#merge();
    for (const source of sources) {
      this.#subscriptions.use(
        source.onChange(() => {
          this.#snapshot = this.#merge();
          this.#listeners.notify();
        }),
      );
    }
  }

  current(): ObjectSnapshot {
    return this.#snapshot;
  }

  /** The text that the object in force comes from; null: nobody has it. */
  text(key: string): ObjectText | null {
    const holder = this.#holders.get(key);
    const source = this.#sources.find((one) => one.current().groups.some(({ id }) => id === holder));
    return source?.text(key) ?? null;
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  /**
   * The present snapshot, then the newest one each time there is one, until the signal
   * is aborted. Snapshots that are outdated when the reader comes back are left out.
   */
  async *snapshots(signal: AbortSignal): AsyncIterable<ObjectSnapshot> {
    let seen: ObjectSnapshot | null = null;
    let wake = (): void => {};
    using _listening = this.onChange(() => wake());
    const stop = (): void => wake();
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        if (seen !== this.#snapshot) yield (seen = this.#snapshot);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
  }

  #merge(): ObjectSnapshot {
    const states = this.#sources.map((source) => source.current());
    const problems = states.flatMap((state) => state.problems);
    const definitions = new Map<string, { group: string; object: PolicyObject }[]>();
    for (const { id: group, objects } of states.flatMap((state) => state.groups)) {
      for (const object of objects) {
        const key = objectKey(object);
        const others = definitions.get(key);
        if (others) others.push({ group, object });
        else definitions.set(key, [{ group, object }]);
      }
    }
    const holders = new Map<string, string>();
    const merged: PolicyObject[] = [];
    for (const [key, candidates] of definitions) {
      const holder = this.#holders.get(key);
      const winner = candidates.find(({ group }) => group === holder) ?? candidates[0];
      if (!winner) continue;
      holders.set(key, winner.group);
      merged.push(winner.object);
      for (const { object } of candidates) {
        if (object !== winner.object) problems.push(duplicate(key, object, winner.object));
      }
    }
    this.#holders = holders;
    const before = this.#snapshot.objects;
    const isSame = before.length === merged.length && merged.every((object, n) => object === before[n]);
    return { objects: isSame ? before : merged, problems };
  }
}

function duplicate(key: string, { source }: PolicyObject, inForce: PolicyObject): ObjectProblem {
  const { file, line } = inForce.source;
  const place = line === null ? file : `${file}:${line}`;
  return {
    file: source.file,
    line: source.line,
    column: null,
    field: "metadata.name",
    message: `${key} is already defined at ${place}; that one stays in force`,
  };
}
