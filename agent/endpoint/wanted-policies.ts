import type { SlotEntry } from "#agent/datapath/kernel.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import type { CompiledPolicy } from "#policy/compile/entry.ts";
import type { Governed } from "#policy/model/identity.ts";
import type { Guarded } from "./enforcement-views.ts";
import { EndpointError } from "./errors.ts";
import type { Becoming, Move } from "./moves.ts";
import type { SlotContent, SlotTable } from "./slot-table.ts";

/** What a subject is to be judged by. */
export interface Compiled {
  readonly subject: Governed;
  readonly selects: CompiledPolicy["selects"];
  readonly content: SlotContent;
}

/** A policy as it should be; `slot` is null until one holds it. */
export interface WantedPolicy extends Compiled {
  slot: number | null;
}

/** By policy key. */
export type WantedPolicies = ReadonlyMap<string, WantedPolicy>;

/** A change that is worked out, before anything of it is written. */
export interface Prepared {
  readonly wanted: WantedPolicies;
  readonly splits: Map<number, SlotEntry[]>;
  readonly classes: Map<number, readonly string[]>;
  readonly final: ReadonlyMap<number, readonly string[]>;
}

/** Those who are to be judged by a policy, and who they become with it. */
export interface Judged {
  readonly endpoints: Iterable<Guarded>;
  /** By endpoint; missing: they stay who they are. */
  readonly becoming: ReadonlyMap<number, Becoming>;
}

/** Compiles the policy of every subject; a slot that an endpoint of it has and that is right is kept. */
export function wantedPolicies(
  engine: PolicyEngine,
  { endpoints, becoming }: Judged,
  slots: SlotTable,
  compile: (subject: Governed) => Compiled,
): Map<string, WantedPolicy> {
  const policies = new Map<string, WantedPolicy>();
  for (const { endpoint, slot } of endpoints) {
    const { subject } = becoming.get(endpoint.id) ?? endpoint;
    const key = engine.policyKey(subject);
    let policy = policies.get(key);
    if (!policy) policies.set(key, (policy = { ...compile(subject), slot: null }));
    if (policy.slot !== null || !slots.isRoomy(slot)) continue;
    if (slots.content(slot)?.equals(policy.content)) policy.slot = slot;
  }
  return policies;
}

/**
 * Refuses what does not fit into the slots, before any of it is written.
 *
 * @param added What live slots are to take besides what they hold.
 * @throws EndpointError `policy-too-large`.
 */
export function refuseTooLarge(
  slots: SlotTable,
  wanted: WantedPolicies,
  added: ReadonlyMap<number, readonly SlotEntry[]>,
): void {
  const { capacity, slotsMax } = slots;
  for (const { subject, content } of wanted.values()) {
    if (content.entries.size > capacity) throw EndpointError.policyTooLarge(subject, content.entries.size, capacity);
  }
  const fresh = [...wanted.values()].filter(({ slot }) => slot === null);
  const count = slots.numbers().length + fresh.length;
  if (count > slotsMax) throw EndpointError.tooManyPolicies(count, slotsMax);
  for (const [slot, entries] of added) {
    const size = (slots.content(slot)?.entries.size ?? 0) + entries.length;
    if (size > capacity) throw EndpointError.slotTooLarge(slot, size, capacity);
  }
}

/** Endpoints that come by another slot, or become somebody else. All wanted policies have their slots. */
export function movesOf(engine: PolicyEngine, { endpoints, becoming }: Judged, wanted: WantedPolicies): Move[] {
  const moves: Move[] = [];
  for (const guarded of endpoints) {
    const endpoint = { ...guarded.endpoint, ...becoming.get(guarded.endpoint.id) };
    const { identity, subject } = endpoint;
    const slot = wanted.get(engine.policyKey(subject))?.slot as number;
    if (becoming.has(endpoint.id) || slot !== guarded.slot || identity !== guarded.identity)
      moves.push({ guarded, endpoint, slot, identity });
  }
  return moves;
}
