import { Backoff } from "#agent/runtime/backoff.ts";
import type { Log } from "#agent/runtime/log.ts";
import { Child, type ChildEvents, type ChildSpec } from "./child.ts";
import { addCounts, type ChildCounts, noCounts, type ToChild } from "./child-messages.ts";
import type { SpokenNames } from "./names.ts";
import type { RuleSnapshot } from "./rule-snapshot.ts";
import type { RuleUpdate } from "./rule-book.ts";

/** ms of life after which the end of a child is no sign that the next one would end, too. */
const LONG_LIFE = 10_000;
/** ms without a sign of life after which a child is taken for stuck, and ended. */
const STUCK = 10_000;
/** The same, before it serves. */
const STUCK_START = 60_000;

export interface ChildrenOptions {
  /** One entry for each child that there is to be. */
  readonly specs: readonly ChildSpec[];
  readonly snapshot: RuleSnapshot;
  readonly log: Log;
  readonly events: Pick<ChildEvents, "records" | "admit" | "heard">;
  /** What children have acknowledged, or which there are, has changed. */
  readonly changed: () => void;
}

/** The processes that serve connections: each of them is replaced when it ends, until they are told to drain. */
export class Children {
  readonly #options: ChildrenOptions;
  readonly #living = new Set<Child>();
  /** Of those that have ended. */
  readonly #past = noCounts();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #revision = 0;
  #names: SpokenNames | null = null;
  #replaced = 0;
  #shown: ToChild & { type: "shown" } = { type: "shown", headers: [], namesDenier: false };
  #isDraining = false;
  #lookedAt = performance.now();

  constructor(options: ChildrenOptions) {
    this.#options = options;
    for (const spec of options.specs) this.#start(spec, new Backoff({ most: 5_000 }));
  }

  get isEmpty(): boolean {
    return this.#living.size === 0;
  }

  /** How many serve connections. */
  get ready(): number {
    return [...this.#living].filter(({ isReady }) => isReady).length;
  }

  get areAllReady(): boolean {
    return this.ready === this.#options.specs.length;
  }

  /** How often one had to be replaced. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Sums over all that there were. */
  get counts(): ChildCounts {
    const sum = noCounts();
    addCounts(sum, this.#past);
    for (const { counts } of this.#living) addCounts(sum, counts);
    return sum;
  }

  /** Whether one of them that serves has shown in the last so many ms that it works. */
  areAlive(milliseconds: number): boolean {
    const since = performance.now() - milliseconds;
    return [...this.#living].some(({ isReady, heardAt }) => isReady && heardAt >= since);
  }

  /** @returns the revision by which {@link haveRevision} knows it. */
  tellRules(update: RuleUpdate): number {
    const revision = ++this.#revision;
    for (const child of this.#living) child.tell({ type: "rules", revision, update });
    return revision;
  }

  /** What is shown from now on by all, and by those that follow: values of headers to the agent, and to clients who has denied a request. */
  show(headers: readonly string[], namesDenier: boolean): void {
    this.#shown = { type: "shown", headers, namesDenier };
    for (const child of this.#living) child.tell(this.#shown);
  }

  tellNames({ patterns, minTtl, denial }: SpokenNames): void {
    this.#names = { patterns, minTtl, denial };
    for (const child of this.#living) child.tell({ type: "names", names: this.#names });
  }

  /** Whether nobody serves by older rules. */
  haveRevision(revision: number): boolean {
    return [...this.#living].every((child) => child.revision >= revision);
  }

  drain(): void {
    this.#isDraining = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    for (const child of this.#living) child.tell({ type: "drain" });
  }

  /** Ends those that give no sign of life; their end is noticed as any other. To be called about once a second. */
  endStuck(): void {
    const now = performance.now();
    // A machine that stood still, or this process: what children have said meanwhile is yet to be read.
    const stoodStill = now - this.#lookedAt > STUCK / 2;
    this.#lookedAt = now;
    for (const child of this.#living) {
      if (stoodStill) child.heardAt = now;
      if (now - child.heardAt < (child.isReady ? STUCK : STUCK_START)) continue;
      this.#options.log.error({ pid: child.pid }, "a worker of the proxy does not answer: it is ended");
      child.kill();
    }
  }

  kill(): void {
    for (const child of this.#living) child.kill();
  }

  #start(spec: ChildSpec, backoff: Backoff): void {
    const { snapshot, log, events, changed } = this.#options;
    const start = { type: "start", revision: this.#revision, update: snapshot.whole(), names: this.#names } as const;
    const child = new Child(spec, start, {
      ...events,
      changed,
      ended: (ended, how) => {
        this.#living.delete(ended);
        addCounts(this.#past, { ...ended.counts, open: 0 });
        if (!this.#isDraining) {
          log.error(
            { pid: ended.pid, how },
            "a worker of the proxy has ended, with its connections; another one follows",
          );
          this.#replaced++;
          this.#restart(spec, backoff, performance.now() - ended.startedAt);
        }
        changed();
      },
    });
    child.tell(this.#shown);
    this.#living.add(child);
  }

  #restart(spec: ChildSpec, backoff: Backoff, lived: number): void {
    if (lived > LONG_LIFE) backoff.reset();
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#start(spec, backoff);
    }, backoff.next());
    this.#restarts.add(timer);
  }
}
