import { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { EndpointError } from "./errors.ts";
import type { Enforcement } from "./enforcement.ts";
import type { EndpointManager } from "./manager.ts";

/** How many generations' objects are kept, to explain events that are still on their way. */
const remembered = 8;

export interface PolicyControllerOptions {
  readonly enforcement: Enforcement;
  readonly endpoints: EndpointManager;
  readonly mode: "default" | "always" | "never";
  readonly generation: () => bigint;
}

/**
 * Turns a snapshot of objects into the policy in force, or refuses it whole and keeps
 * the one before. Callers run {@link PolicyController.apply} one at a time.
 *
 * The revision is the datapath's generation, so what `weir policy wait` waits for, what
 * flows name and what the kernel reads are one number.
 */
export class PolicyController {
  readonly #options: PolicyControllerOptions;
  readonly #history = new Map<bigint, readonly PolicyObject[]>();
  #objects: readonly PolicyObject[] = [];
  #refusal: string | null = null;

  constructor(options: PolicyControllerOptions) {
    this.#options = options;
  }

  /** The objects in force. */
  get objects(): readonly PolicyObject[] {
    return this.#objects;
  }

  get revision(): bigint {
    return this.#options.generation();
  }

  /** Why the newest snapshot is not in force; null when it is. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** The objects of a generation; those in force now when it is forgotten. */
  objectsAt(generation: bigint): readonly PolicyObject[] {
    return this.#history.get(generation) ?? this.#objects;
  }

  /** An engine for these objects, with the node's mode. */
  engine(objects: readonly PolicyObject[]): PolicyEngine {
    return new PolicyEngine(objects, { enforcement: this.#options.mode });
  }

  /** Says that these objects are in force already: after a restart. */
  adopt(objects: readonly PolicyObject[]): void {
    this.#remember(objects);
  }

  /** @returns whether the snapshot is in force. */
  async apply(objects: readonly PolicyObject[]): Promise<boolean> {
    try {
      await this.#options.enforcement.replacePolicy(this.engine(objects), { always: true });
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      this.#refusal = error.message;
      return false;
    }
    this.#remember(objects);
    await this.#options.endpoints.relabel();
    return true;
  }

  #remember(objects: readonly PolicyObject[]): void {
    this.#objects = objects;
    this.#refusal = null;
    this.#history.set(this.revision, objects);
    for (const generation of this.#history.keys()) {
      if (this.#history.size <= remembered) break;
      this.#history.delete(generation);
    }
  }
}
