import { Backoff, retry } from "#agent/runtime/backoff.ts";
import type { Clock } from "#agent/runtime/clock.ts";
import type { Log } from "#agent/runtime/log.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { StoreError } from "#agent/store/errors.ts";
import type { Store } from "#agent/store/store.ts";
import type { Subject } from "#policy/model/identity.ts";
import { IdentityError } from "./errors.ts";
import { IdentityRegistry } from "./identity-registry.ts";
import { IdentityTable } from "./identity-table.ts";
import { parseSubject, subjectText } from "./subject-text.ts";

export interface IdentityAllocatorOptions {
  readonly store: Store;
  /** This node's name. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the watch on other nodes' identities, and waiting releases. */
  readonly signal: AbortSignal;
  /** How long an identity outlives its last pod here, in milliseconds: the next pod of a rollout finds it. */
  readonly grace?: number;
}

/** An identity of the cluster, and how many endpoints of this node have it. */
export interface IdentityView {
  readonly id: number;
  readonly subject: Subject;
  readonly references: number;
}

interface Held {
  readonly id: number;
  readonly text: string;
  references: number;
  expiry: Disposable | null;
}

const GRACE = 30_000;

/** Numbers for subjects: equal subjects have the same number on every node of the cluster. */
export class IdentityAllocator {
  readonly #options: IdentityAllocatorOptions;
  readonly #table = new IdentityTable();
  readonly #registry: IdentityRegistry;
  readonly #serial = new SerialExecutor();
  readonly #held = new Map<string, Held>();
  readonly #heldById = new Map<number, Held>();
  readonly #conflict = Promise.withResolvers<never>();
  #isDefending = false;

  private constructor(options: IdentityAllocatorOptions) {
    this.#options = options;
    const { store, node, signal } = options;
    this.#registry = new IdentityRegistry({ store, node, isTaken: (id) => this.#table.has(id) });
    signal.addEventListener("abort", () => this.#held.forEach(stopExpiry), { once: true });
    this.#conflict.promise.catch(() => {});
  }

  /** Resolves when the identities that the store knows are known here. */
  static async open(options: IdentityAllocatorOptions): Promise<IdentityAllocator> {
    const { store, clock, signal, log } = options;
    const allocator = new IdentityAllocator(options);
    const { promise: synced, resolve, reject } = Promise.withResolvers<void>();
    const changed = (): void => {
      resolve();
      allocator.#defend();
    };
    const failed = (error: unknown, wait: number): void =>
      log.warn({ err: error, wait }, "the watch on identities broke; it begins anew");
    retry(() => allocator.#table.follow(store, signal, changed), { clock, signal, failed }).then(
      () => reject(signal.reason as Error),
      reject,
    );
    await synced;
    await allocator.#patiently(() => allocator.#registry.removeUnclaimed());
    return allocator;
  }

  /**
   * The number of a subject, counted as used once more by this node.
   *
   * @param preferred what an endpoint's record says: taken again when the store has lost it.
   * @throws IdentityError `exhausted`; StoreError `unavailable`, and then nothing is held.
   */
  async acquire(subject: Subject, preferred?: number): Promise<number> {
    const text = subjectText(subject);
    return this.#reuse(text) ?? this.#serial.run(async () => this.#reuse(text) ?? this.#claim(text, preferred));
  }

  /** As {@link acquire}, for what is in force already: waits until the store answers. */
  restore(subject: Subject, preferred: number): Promise<number> {
    return this.#patiently(() => this.acquire(subject, preferred));
  }

  /**
   * Gives one use back. When it was the last, the number stays for the time of grace.
   *
   * @throws IdentityError `not-held`.
   */
  async release(id: number): Promise<void> {
    const held = this.#heldById.get(id);
    if (!held || held.references === 0) {
      throw new IdentityError("not-held", { asked: `release identity ${id}`, obstacle: "no endpoint here has it" });
    }
    if (--held.references === 0) this.#expireLater(held);
  }

  /**
   * Releases, after the time of grace, what an earlier life of this agent used and nobody
   * has acquired since: call it when all restored endpoints have.
   */
  async releaseUnheld(): Promise<void> {
    const used = await this.#patiently(() => this.#registry.used());
    await this.#serial.run(async () => {
      for (const id of used) {
        const text = this.#table.text(id);
        if (this.#heldById.has(id) || text === undefined) continue;
        this.#expireLater(this.#hold(id, text, 0));
      }
    });
  }

  /**
   * Rejects with an IdentityError `conflict` when a number that this node uses has become
   * somebody else's: then the agent has to start anew, and give its endpoints others.
   */
  get conflict(): Promise<never> {
    return this.#conflict.promise;
  }

  /** What a number stands for, whichever node made it. */
  subject(id: number): Subject | undefined {
    const text = this.#heldById.get(id)?.text ?? this.#table.text(id);
    return text === undefined ? undefined : (parseSubject(text) ?? undefined);
  }

  /** How many identities of the cluster are known. */
  get count(): number {
    return this.#table.size;
  }

  /** All identities of the cluster, by number. */
  list(): IdentityView[] {
    return this.#table.ids().flatMap((id) => {
      const subject = this.subject(id);
      return subject ? [{ id, subject, references: this.#heldById.get(id)?.references ?? 0 }] : [];
    });
  }

  /** Resolves when nothing is on its way to the store. */
  idle(): Promise<void> {
    return this.#serial.idle();
  }

  /** Says again what this node uses, where the store does not say it: it may have lost its data, or our session. */
  #defend(): void {
    const lost = (): Held[] => [...this.#held.values()].filter(({ id, text }) => this.#table.text(id) !== text);
    if (this.#isDefending || lost().length === 0) return;
    this.#isDefending = true;
    const claimAll = (): Promise<void> =>
      this.#serial.run(async () => {
        for (const held of lost()) await this.#claimAgain(held);
      });
    this.#patiently(claimAll)
      .catch((error: unknown) => {
        if (!this.#options.signal.aborted) this.#conflict.reject(error);
      })
      .finally(() => (this.#isDefending = false));
  }

  /** @throws IdentityError `conflict`. */
  async #claimAgain({ id, text }: Held): Promise<void> {
    const agreed = await this.#registry.restate(text, id);
    this.#table.learn(agreed, text);
    if (agreed === id) return;
    throw new IdentityError("conflict", {
      asked: `say again in the store what identity ${id} is`,
      obstacle: `nodes have agreed on ${agreed} for it since the store lost it`,
      remedy: "the agent starts anew, and its pods get that one",
    });
  }

  /** Repeats what only the store stands in the way of. */
  async #patiently<T>(task: () => Promise<T>): Promise<T> {
    const { clock, signal, log } = this.#options;
    const failed = (error: unknown, wait: number): void => {
      if (!(error instanceof StoreError)) throw error;
      log.debug({ err: error, wait }, "the store does not answer; it is asked again");
    };
    return retry(task, { clock, signal, failed, backoff: new Backoff({ most: 5_000 }) });
  }

  #reuse(text: string): number | null {
    const held = this.#held.get(text);
    if (!held) return null;
    stopExpiry(held);
    held.references++;
    return held.id;
  }

  async #claim(text: string, preferred: number | undefined): Promise<number> {
    const id = await this.#registry.claim(text, preferred);
    this.#table.learn(id, text);
    this.#hold(id, text, 1);
    return id;
  }

  #hold(id: number, text: string, references: number): Held {
    const held: Held = { id, text, references, expiry: null };
    this.#held.set(text, held);
    this.#heldById.set(id, held);
    return held;
  }

  #expireLater(held: Held): void {
    const { clock, grace = GRACE, signal } = this.#options;
    if (signal.aborted) return;
    held.expiry = clock.setTimeout(() => void this.#serial.run(() => this.#expire(held)), grace);
  }

  async #expire(held: Held): Promise<void> {
    const { id, text } = held;
    if (held.references > 0 || this.#held.get(text) !== held || this.#options.signal.aborted) return;
    this.#held.delete(text);
    this.#heldById.delete(id);
    try {
      await this.#registry.withdraw(id, text);
    } catch (error) {
      this.#options.log.warn({ err: error, identity: id }, "the identity could not be released; it is tried again");
      this.#expireLater(this.#hold(id, text, 0));
    }
  }
}

function stopExpiry(held: Held): void {
  held.expiry?.[Symbol.dispose]();
  held.expiry = null;
}
