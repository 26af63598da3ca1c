import type { Kernel } from "#agent/datapath/kernel.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import type { OutsiderPlan } from "#agent/endpoint/outsiders.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { PolicyVerifier, type PolicyVerifierOptions } from "#agent/verify/policy-verifier.ts";
import type { Verification } from "#agent/verify/verification.ts";
import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { type EnforcementSetup, makeEnforcement } from "./enforcement.ts";

/** Policy in force over some kernel, and its verification. */
export class VerifiedNode {
  readonly setup: EnforcementSetup;
  readonly #kernel: Kernel;
  readonly #verifier: PolicyVerifier;
  #objects: readonly PolicyObject[] = [];
  #revision = 0n;

  /** @param options How many differences are told, other rules behind references. */
  constructor(kernel: Kernel, options: Partial<PolicyVerifierOptions> = {}) {
    this.#kernel = kernel;
    this.setup = makeEnforcement(kernel);
    const revision = (): bigint => this.#revision;
    const objects = (): readonly PolicyObject[] => this.#objects;
    this.#verifier = new PolicyVerifier({
      images: kernel.images,
      enforcement: this.setup.enforcement,
      references: this.setup.references,
      changes: new SerialExecutor(),
      policy: {
        get objects() {
          return objects();
        },
        get revision() {
          return revision();
        },
      },
      ...options,
    });
  }

  async add(...endpoints: readonly GuardedEndpoint[]): Promise<void> {
    for (const endpoint of endpoints) await this.setup.enforcement.add(endpoint);
  }

  async setPolicy(
    objects: readonly PolicyObject[],
    { outsiders, ...options }: EngineOptions & { readonly outsiders?: OutsiderPlan } = {},
  ): Promise<void> {
    const { enforcement } = this.setup;
    const isOther = Object.keys(options).some((name) => name !== "at");
    const next = isOther ? new PolicyEngine(objects, options) : enforcement.engine.evolve(objects, options);
    await enforcement.replacePolicy(next, { always: true, ...(outsiders ? { outsiders } : {}) });
    this.#objects = objects;
    this.#revision = this.#kernel.control.generation();
  }

  /** Lets it seem that other objects are in force. */
  believe(objects: readonly PolicyObject[]): void {
    this.#objects = objects;
  }

  verify(endpoint: number | null = null, signal = new AbortController().signal): Promise<Verification> {
    return this.#verifier.verify(endpoint, signal);
  }
}
