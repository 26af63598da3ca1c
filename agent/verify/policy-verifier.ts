import type { MapImage, MapImages } from "#agent/datapath/kernel.ts";
import { endpointEntry } from "#agent/datapath/layouts.gen.ts";
import type { EnforcementSnapshot } from "#agent/endpoint/enforcement-views.ts";
import { EndpointError } from "#agent/endpoint/errors.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { type ComparisonContext, compareMaps } from "./compare-maps.ts";
import { Expectation } from "./expectation.ts";
import { Names } from "./names.ts";
import { Pace } from "./pace.ts";
import type { KnownReferences, ReadOut } from "./read-out.ts";
import { VerdictProof } from "./verdict-proof.ts";
import { Findings, type Verification } from "./verification.ts";

export interface PolicyVerifierOptions {
  readonly images: MapImages;
  readonly enforcement: { readonly views: { snapshot(): EnforcementSnapshot } };
  /** The objects in force and their revision. */
  readonly policy: { readonly objects: readonly PolicyObject[]; readonly revision: bigint };
  readonly references: KnownReferences;
  /** All changes of endpoints and policy go through here. */
  readonly changes: SerialExecutor;
  /** How many differences are told; the others are counted. */
  readonly told?: number;
}

/**
 * Reads the kernel's maps back and compares them with what they should be, twice: bit by bit with what
 * the objects in force compile to, and verdict by verdict with the oracle. Changes wait only
 * while the maps are read.
 */
export class PolicyVerifier {
  readonly #options: PolicyVerifierOptions;
  readonly #turns = new SerialExecutor();

  constructor(options: PolicyVerifierOptions) {
    this.#options = options;
  }

  /**
   * One at a time; others wait for their turn.
   *
   * @param endpoint Only this one is of interest; null: all are.
   * @throws EndpointError `not-found`, or `not-ready` where the policy of the agent's start was refused.
   */
  verify(endpoint: number | null, signal: AbortSignal): Promise<Verification> {
    return this.#turns.run(async () => {
      signal.throwIfAborted();
      const pace = new Pace(signal);
      const readOut = await this.#options.changes.run(() => this.#read(endpoint, pace));
      return this.#compare(readOut, endpoint, pace);
    });
  }

  async #read(endpoint: number | null, pace: Pace): Promise<ReadOut> {
    const { images, enforcement, policy } = this.#options;
    const snapshot = enforcement.views.snapshot();
    if (snapshot.refused) throw EndpointError.notVerifiable(snapshot.refused);
    if (endpoint !== null && !snapshot.endpoints.some((guarded) => guarded.endpoint.id === endpoint)) {
      throw new EndpointError("not-found", `verify endpoint ${endpoint}: there is none in force`);
    }
    const generation = images.generation();
    const endpoints = images.endpoints();
    const inKernel = endpoint === null ? images.slots() : slotsOf(endpoint, snapshot, endpoints);
    const slots = new Map<number, MapImage | undefined>();
    for (const slot of inKernel) {
      slots.set(slot, images.slot(slot));
      await pace.rest();
    }
    return {
      snapshot,
      objects: policy.objects,
      revision: policy.revision,
      generation,
      endpoints,
      interfaces: images.interfaces(),
      ipcache: images.ipcache(),
      limits: images.limits(),
      bandwidths: images.bandwidths(),
      slots,
    };
  }

  async #compare(readOut: ReadOut, endpoint: number | null, pace: Pace): Promise<Verification> {
    const { references } = this.#options;
    const findings = new Findings(this.#options.told ?? 100);
    const expectation = await Expectation.compute(readOut, references, pace);
    const names = new Names(readOut, references);
    const context: ComparisonContext = { readOut, expectation, names, endpoint, findings, pace };
    await compareMaps(context);
    await new VerdictProof(context).run();
    return {
      state: findings.differences.length === 0 ? "equal" : "different",
      generation: Number(readOut.generation),
      revision: Number(readOut.revision),
      endpoints: endpoint === null ? readOut.snapshot.endpoints.length : 1,
      entries: findings.entries,
      classes: findings.classes,
      excluded: findings.excluded,
      differences: findings.differences,
      more: findings.more,
    };
  }
}

/** The slot that should judge an endpoint, and those that its records name. */
function slotsOf(id: number, { endpoints }: EnforcementSnapshot, image: MapImage): Set<number> {
  const slots = new Set(endpoints.filter(({ endpoint }) => endpoint.id === id).map(({ slot }) => slot));
  const values = new DataView(image.values.buffer, image.values.byteOffset, image.values.length);
  for (let i = 0; i < image.count; i++) {
    const record = endpointEntry.decode(values, i * endpointEntry.size);
    if (record.id === id) for (const slot of record.policy) slots.add(slot);
  }
  return slots;
}
