import type { Change, Entry, WatchEvent } from "./store.ts";

/** Changes that may wait for a slow reader before a new snapshot takes their place. */
const BACKLOG = 10_000;

/** One reader of a prefix, with what it has not read yet. */
export class Watcher {
  readonly #prefix: string;
  readonly #snapshot: () => readonly Entry[];
  readonly #signal: AbortSignal;
  #backlog: Change[] = [];
  #wantsSnapshot = true;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(prefix: string, snapshot: () => readonly Entry[], signal: AbortSignal) {
    this.#prefix = prefix;
    this.#snapshot = snapshot;
    this.#signal = signal;
  }

  tell(change: Change): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    if (this.#wantsSnapshot || !key.startsWith(this.#prefix)) return;
    this.#backlog.push(change);
    if (this.#backlog.length > BACKLOG) {
      this.#backlog = [];
      this.#wantsSnapshot = true;
    }
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *events(): AsyncIterable<WatchEvent> {
    const stop = (): void => this.end();
    this.#signal.addEventListener("abort", stop, { once: true });
    try {
      while (!this.#ended && !this.#signal.aborted) {
        if (this.#wantsSnapshot) {
          this.#wantsSnapshot = false;
          yield { type: "snapshot", entries: this.#snapshot() };
        } else if (this.#backlog.length > 0) {
          const changes = this.#backlog;
          this.#backlog = [];
          yield { type: "changes", changes };
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = null;
        }
      }
    } finally {
      this.#signal.removeEventListener("abort", stop);
    }
  }
}
