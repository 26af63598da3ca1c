import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import { hasEnd } from "#policy/compile/policy-table.ts";
import { isPolicyKind, objectKey, type PolicyObject } from "#policy/model/object.ts";
import { MapFullError } from "#agent/datapath/map-full-error.ts";
import { StoreError } from "#agent/store/errors.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { EndpointError } from "./errors.ts";
import type { Enforcement } from "./enforcement.ts";
import type { EndpointManager } from "./manager.ts";
import type { Joining } from "./moves.ts";
import { type Outsiders, sameOutsiders } from "./outsiders.ts";

/** How many generations' objects are kept, to explain events that are still on their way. */
const remembered = 8;

/** How objects are read, whatever they say. */
export type PolicyOptions = Required<Pick<EngineOptions, "enforcement" | "cidrMatchesPods" | "audit">>;

/** What judged, or judges, traffic. */
export interface JudgingPolicy {
  readonly objects: readonly PolicyObject[];
  readonly options: EngineOptions;
}

/** What a revision brought into force, and what it took out. */
export interface PolicyChanges {
  readonly updated: readonly PolicyObject[];
  readonly deleted: readonly PolicyObject[];
  readonly revision: bigint;
}

export interface PolicyControllerOptions {
  readonly enforcement: Enforcement;
  readonly endpoints: EndpointManager;
  /** Where pods' labels and named ports are looked up; follows the objects in force. */
  readonly pods: {
    replace(objects: readonly PolicyObject[]): void;
    widen(objects: readonly PolicyObject[]): void;
  };
  readonly outsiders: Outsiders;
  /** At the start; see {@link PolicyController.configure}. */
  readonly options: PolicyOptions;
  readonly generation: () => bigint;
  /** By the wall clock, which rules with an end are compared with. */
  readonly now: () => Date;
  /** Told of each attempt to put objects in force, and how long it took in ms. */
  readonly updated?: (accepted: boolean, duration: number) => void;
  /** Told of the objects that a revision has changed. */
  readonly changed?: (changes: PolicyChanges) => void;
  /** Told of an error that nobody expects and that made objects refused. */
  readonly failed: (error: unknown, what: string) => void;
}

/**
 * Turns a snapshot of objects into the policy in force, or refuses it whole and keeps
 * the one before. Callers run {@link PolicyController.apply} one at a time.
 *
 * The revision is the datapath's generation, so what `weir policy wait` waits for, what
 * flows name and what the kernel reads are one number.
 */
export class PolicyController {
  readonly #parts: PolicyControllerOptions;
  readonly #history = new Map<bigint, JudgingPolicy>();
  /** For each object, by key: the one in force, and the revision that brought it. */
  #since = new Map<string, { object: PolicyObject; revision: bigint }>();
  #inForce: JudgingPolicy;
  #options: PolicyOptions;
  #revision = 0n;
  #refusal: string | null = null;
  #waitsForStore = false;
  readonly #waiting = new Set<() => void>();

  constructor(parts: PolicyControllerOptions) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#inForce = { objects: [], options: parts.options };
  }

  get options(): PolicyOptions {
    return this.#options;
  }

  /** The objects in force. */
  get objects(): readonly PolicyObject[] {
    return this.#inForce.objects;
  }

  /** Of the policy that is in force on all endpoints, with the labels that its objects give them. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Why the newest snapshot is not in force; null when it is. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Whether only the store stands in the way of the newest snapshot: it is to be applied again when that answers. */
  get waitsForStore(): boolean {
    return this.#waitsForStore;
  }

  /** What judged in a generation; what is in force now when it is forgotten. The same answer is the same object. */
  at(generation: bigint): JudgingPolicy {
    return this.#history.get(generation) ?? this.#inForce;
  }

  /** The revision that brought an object, in its present form, into force. */
  sinceRevision(key: string): bigint {
    return this.#since.get(key)?.revision ?? this.revision;
  }

  /** An engine for these objects, as of now. */
  engine(objects: readonly PolicyObject[], options: PolicyOptions = this.#options): PolicyEngine {
    const { engine } = this.#parts.enforcement;
    const at = this.#parts.now().getTime();
    return isSame(engine.options, options)
      ? engine.evolve(objects, { at })
      : new PolicyEngine(objects, { ...engine.options, ...options, at });
  }

  /** Whether a rule has an end: also one that has ended, which comes back when the clock is set back. */
  get hasDeadlines(): boolean {
    return this.objects.some((object) => isPolicyKind(object) && hasEnd(object));
  }

  /** Whether a rule has ended that is still in force. */
  get isOutdated(): boolean {
    const { enforcement, now } = this.#parts;
    const { expires } = enforcement.engine;
    return expires !== null && expires <= now().getTime();
  }

  /**
   * Would {@link apply} take these objects? Changes nothing.
   *
   * @throws EndpointError `policy-too-large`.
   */
  async check(objects: readonly PolicyObject[]): Promise<void> {
    const { endpoints, enforcement } = this.#parts;
    const relabels = await this.#planRelabels(objects);
    try {
      const outsiders = this.#parts.outsiders.plan(objects);
      enforcement.checkPolicy(this.engine(objects), { joining: relabels, outsiders });
    } finally {
      this.#parts.pods.replace(this.objects);
      await endpoints.keepLabels(relabels);
    }
  }

  /** Resolves when the revision is at least this; rejects with the signal's reason. */
  async wait(revision: bigint, signal: AbortSignal): Promise<void> {
    while (this.revision < revision) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = (): void => reject(signal.reason as Error);
      this.#waiting.add(resolve);
      signal.addEventListener("abort", stop, { once: true });
      try {
        await promise;
      } finally {
        this.#waiting.delete(resolve);
        signal.removeEventListener("abort", stop);
      }
    }
  }

  /** Says that these objects are in force already: after a restart. */
  adopt(objects: readonly PolicyObject[]): void {
    this.#remember(objects);
  }

  /** Says that the objects of the start are not in force, and why. */
  refuse(reason: string): void {
    this.#revision = this.#parts.generation();
    this.#refusal = reason;
  }

  /** @returns whether the snapshot is in force. */
  async apply(objects: readonly PolicyObject[]): Promise<boolean> {
    if (objects === this.objects) {
      this.#refusal = null;
      this.#waitsForStore = false;
      return true;
    }
    return this.#put(objects);
  }

  /** Takes rules that have ended out of force. @returns whether it did. */
  async renew(): Promise<boolean> {
    return this.#put(this.objects);
  }

  /**
   * Puts other options in force, with the newest objects.
   *
   * @returns why it did not: then everything is as before; null when it did.
   */
  async configure(options: PolicyOptions, objects: readonly PolicyObject[]): Promise<string | null> {
    if (isSame(options, this.#options)) return null;
    const refusal = this.#refusal;
    if (await this.#put(objects, options)) return null;
    const reason = this.#refusal;
    this.#refusal = refusal;
    return reason;
  }

  async #put(objects: readonly PolicyObject[], options = this.#options): Promise<boolean> {
    const began = performance.now();
    const accepted = await this.#tryPut(objects, options);
    this.#parts.updated?.(accepted, performance.now() - began);
    return accepted;
  }

  async #tryPut(objects: readonly PolicyObject[], options: PolicyOptions): Promise<boolean> {
    const { endpoints, enforcement, generation } = this.#parts;
    if (!(await this.#widen(objects))) return false;
    let relabels: Joining[] = [];
    const next = generation() + 1n;
    try {
      relabels = await this.#planRelabels(objects);
      const engine = this.engine(objects, options);
      // Before the change: the first events of the new generation may come before it is complete.
      this.#history.set(next, { objects, options: engine.options });
      const outsiders = this.#parts.outsiders.plan(objects);
      await enforcement.replacePolicy(engine, { always: true, joining: relabels, outsiders });
    } catch (error) {
      // From the new generation on the new policy is in force, and cannot be refused any more.
      if (generation() === next) throw error;
      this.#refuse(error);
      this.#history.delete(next);
      this.#parts.pods.replace(this.objects);
      await endpoints.keepLabels(relabels);
      return false;
    }
    await endpoints.noteRelabels(relabels);
    await endpoints.limitBandwidths();
    this.#options = options;
    this.#remember(objects);
    for (const resolve of this.#waiting) resolve();
    return true;
  }

  /**
   * Labels that only the new policy names become a part of identities first, of pods and of nodes: the old
   * policy decides the same with them. Else there would be a moment in which the new one judges
   * them as if they had none of these labels.
   */
  async #widen(objects: readonly PolicyObject[]): Promise<boolean> {
    const { endpoints, pods, outsiders, enforcement } = this.#parts;
    try {
      pods.widen(objects);
      await endpoints.relabel(await endpoints.planRelabels());
      const widened = outsiders.plan(this.objects, objects);
      if (!sameOutsiders(widened, enforcement.outsiders)) {
        await enforcement.replacePolicy(this.engine(this.objects), { always: false, outsiders: widened });
      }
      return true;
    } catch (error) {
      this.#refuse(error);
      pods.replace(this.objects);
      return false;
    }
  }

  /** Keeps what is in force, whatever was thrown: objects that nobody can read must not stop the agent. */
  #refuse(error: unknown): void {
    this.#waitsForStore = error instanceof StoreError;
    if (!(error instanceof EndpointError || error instanceof MapFullError || error instanceof StoreError)) {
      this.#parts.failed(error, "objects are refused for an error of the agent's own");
    }
    this.#refusal = reasonOf(error);
  }

  /** Who pods are by these objects, which are looked up from here on. */
  async #planRelabels(objects: readonly PolicyObject[]): Promise<Joining[]> {
    this.#parts.pods.replace(objects);
    return this.#parts.endpoints.planRelabels();
  }

  #tellChanges(before: ReadonlyMap<string, { object: PolicyObject }>, revision: bigint): void {
    const updated = [...this.#since].filter(([key, { object }]) => before.get(key)?.object !== object);
    const deleted = [...before].filter(([key]) => !this.#since.has(key));
    const objects = (list: typeof deleted): PolicyObject[] => list.map(([, { object }]) => object);
    this.#parts.changed?.({ updated: objects(updated), deleted: objects(deleted), revision });
  }

  #remember(objects: readonly PolicyObject[]): void {
    const revision = this.#parts.generation();
    this.#revision = revision;
    const before = this.#since;
    this.#since = new Map(
      objects.map((object) => {
        const key = objectKey(object);
        const known = before.get(key);
        return [key, known?.object === object ? known : { object, revision }];
      }),
    );
    this.#tellChanges(before, revision);
    this.#inForce = this.#history.get(revision) ?? { objects, options: this.#parts.enforcement.engine.options };
    this.#refusal = null;
    this.#waitsForStore = false;
    this.#history.set(revision, this.#inForce);
    for (const generation of this.#history.keys()) {
      if (this.#history.size <= remembered) break;
      this.#history.delete(generation);
    }
  }
}

function isSame(a: EngineOptions, b: PolicyOptions): boolean {
  return a.enforcement === b.enforcement && a.cidrMatchesPods === b.cidrMatchesPods && a.audit === b.audit;
}
