import type { Kernel } from "#agent/datapath/kernel.ts";
import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import type { KnownPrefix, Named } from "#agent/ipcache/partition.ts";
import type { CompiledPolicy } from "#policy/compile/entry.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import { type AddressToken, namesOf } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Governed, Labels, Subject } from "#policy/model/identity.ts";
import type { EndpointError } from "./errors.ts";
import { type GuardedEnd, knownPrefixes } from "./guarded-endpoint.ts";
import type { OutsiderPlan } from "./outsiders.ts";
import type { SlotContent, SlotTable } from "./slot-table.ts";

/** An endpoint with the slot that judges it. */
export interface Guarded {
  endpoint: GuardedEnd;
  slot: number;
  /** By which packets know it: another than the endpoint's own as long as a start has not put that in force. */
  identity: number;
}

/** A slot that serves all subjects with one policy key. */
export interface SharedSlot {
  readonly slot: number;
  readonly subject: Governed;
  readonly selects: CompiledPolicy["selects"];
}

/** What enforcement remembers. */
export interface EnforcementState {
  readonly kernel: Kernel;
  readonly addresses: AddressSpace;
  readonly slots: SlotTable;
  /** Identities that entries may name. */
  readonly identities: ReadonlyMap<number, Subject>;
  readonly endpoints: ReadonlyMap<number, Guarded>;
  /** By policy key. */
  readonly slotByKey: ReadonlyMap<string, SharedSlot>;
  readonly engine: PolicyEngine;
  /** Prefixes that belong to nobody's pod: the node's own addresses, the range of pods. */
  readonly fixedPrefixes: readonly KnownPrefix[];
  /** The identity of those of them that are the node's. */
  readonly nodeIdentity: number;
  readonly outsiders: OutsiderPlan;
  readonly refused: EndpointError | null;
  readonly boot: (instant: number) => bigint;
}

/** All that the kernel's maps are to say, as of one moment. */
export interface EnforcementSnapshot {
  readonly engine: PolicyEngine;
  readonly endpoints: readonly Readonly<Guarded>[];
  /** Slots that are kept for a policy, also for one that no endpoint has now. */
  readonly slots: readonly SharedSlot[];
  readonly identities: ReadonlyMap<number, Subject>;
  /** Who identities are that are no pod's, but for those with a fixed number. */
  readonly parties: ReadonlyMap<number, Party>;
  /** The labels of the own node. */
  readonly ownLabels: Labels;
  /** Who owns which addresses; of two that speak of one prefix the later one counts. */
  readonly known: readonly KnownPrefix[];
  /** Identities that are outside of the cluster. */
  readonly outside: readonly number[];
  /** What rules say of addresses by their DNS names; of those whose class policy has no room for, nothing. */
  readonly named: Named;
  /** The names of these addresses, by host route. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** Classes that addresses have or may come to have. */
  readonly classes: ReadonlyMap<number, readonly AddressToken[]>;
  /** Boot time of an instant, as it was for the entries. */
  readonly boot: (instant: number) => bigint;
  /** Why nobody knows what is in force; null where it is known. */
  readonly refused: EndpointError | null;
}

/** What is to be known to give an address the class of its names, as of one moment. */
export interface NameRulesView {
  /** Texts of rules that speak of names. */
  readonly patterns: readonly string[];
  /** Of policy. */
  readonly generation: string;
  /** Identities of addresses that names count for. */
  readonly outside: readonly number[];
  /** Whether they count for all others, too. */
  readonly grantsInside: boolean;
  /** `isLasting`: policy knows it for as long as the generation lasts. */
  readonly classes: readonly {
    readonly number: number;
    readonly tokens: readonly AddressToken[];
    readonly isLasting: boolean;
  }[];
}

/** What may be looked at of the policy in force. Changes nothing. */
export class EnforcementViews {
  readonly #state: () => EnforcementState;

  constructor(state: () => EnforcementState) {
    this.#state = state;
  }

  /** The policy slot of an endpoint, and what is in it. */
  slotOf(id: number): { slot: number; content: SlotContent } | undefined {
    const { endpoints, slots } = this.#state();
    const slot = endpoints.get(id)?.slot;
    const content = slot === undefined ? undefined : slots.content(slot);
    return content && slot !== undefined ? { slot, content } : undefined;
  }

  /** An endpoint in force; the node itself while some policy selects it. */
  endpoint(id: number): GuardedEnd | undefined {
    return this.#state().endpoints.get(id)?.endpoint;
  }

  /** Whether an address, in canonical text, is one of the node's own. */
  isNodeAddress(address: string): boolean {
    const { fixedPrefixes, nodeIdentity } = this.#state();
    const whole = `${address}/${address.includes(":") ? 128 : 32}`;
    return fixedPrefixes.some(({ prefix, identity }) => prefix === whole && identity === nodeIdentity);
  }

  /** Whether an earlier agent's policy is in force, because the one of the start does not fit. */
  get isEarlier(): boolean {
    return this.#state().refused !== null;
  }

  /** Directions in which some policy selects an endpoint. */
  selects(id: number): Readonly<Record<"ingress" | "egress", boolean>> {
    const { endpoints, slotByKey, engine } = this.#state();
    const subject = endpoints.get(id)?.endpoint.subject;
    const known = subject && slotByKey.get(engine.policyKey(subject));
    return known?.selects ?? { ingress: false, egress: false };
  }

  /** Rule references that some slot holds: of the rules that decide, and of those whose limits count. */
  references(): { readonly all: Set<number>; readonly limits: Set<number> } {
    const { slots } = this.#state();
    const rules = new Set<number>();
    const limits = new Set<number>();
    for (const slot of slots.numbers()) {
      for (const entry of slots.content(slot)?.entries.values() ?? []) {
        for (const { rule, limit } of entry.below ? [entry, entry.below] : [entry]) {
          rules.add(rule);
          if (limit !== 0) limits.add(limit);
        }
      }
    }
    return { all: rules.union(limits), limits };
  }

  snapshot(): EnforcementSnapshot {
    const { engine, endpoints, slotByKey, identities, fixedPrefixes, outsiders, addresses, refused, boot } =
      this.#state();
    const guarded = [...endpoints.values()].map((one) => ({ ...one }));
    const epoch = boot(0);
    const named = addresses.named(engine.tokens);
    return {
      engine,
      endpoints: guarded,
      slots: [...slotByKey.values()],
      identities: new Map(identities),
      parties: outsiders.parties,
      ownLabels: outsiders.ownLabels,
      known: [...outsiders.prefixes, ...fixedPrefixes, ...guarded.flatMap(({ endpoint }) => knownPrefixes(endpoint))],
      outside: addresses.outside,
      named,
      names: new Map([...named.tokens.keys()].map((prefix) => [prefix, addresses.namesAt(prefix)])),
      classes: addresses.classesInUse(),
      refused,
      boot: (instant) => epoch + BigInt(instant) * 1_000_000n,
    };
  }

  /** What the proxy has to know of rules that speak of DNS names. */
  nameRules(): NameRulesView {
    const { addresses, kernel, refused } = this.#state();
    const lasting = addresses.lastingClasses;
    // Of a policy that was refused nobody knows what it says of a class.
    const classes = refused ? [] : [...addresses.classesInUse()];
    return {
      patterns: namesOf(addresses.tokens),
      generation: String(kernel.control.generation()),
      outside: addresses.outside,
      grantsInside: addresses.grantsInside,
      classes: classes.map(([number, tokens]) => ({ number, tokens, isLasting: lasting.has(number) })),
    };
  }

  /** How full the fullest policy slot is. */
  fullestSlot(): ReturnType<SlotTable["fullest"]> {
    return this.#state().slots.fullest();
  }

  /** Endpoints by the slot that judges them. */
  endpointsBySlot(): Map<number, number[]> {
    const slots = new Map<number, number[]>();
    for (const [id, { slot }] of this.#state().endpoints) slots.set(slot, [...(slots.get(slot) ?? []), id]);
    return slots;
  }

  /** What the kernel should hold for an endpoint differs from what it holds, in sentences. */
  check(id: number): string[] {
    const { endpoints, slots, kernel } = this.#state();
    const guarded = endpoints.get(id);
    if (!guarded) return [`endpoint ${id} is not in force`];
    const problems: string[] = [];
    const state = kernel.endpoints.read().get(id);
    if (!state) problems.push(`endpoint ${id} is missing from the map endpoints or interfaces`);
    else if (!state.policy.includes(guarded.slot))
      problems.push(`endpoint ${id} has policy slots ${state.policy.join(", ")}, not ${guarded.slot}`);
    if (state && !state.identity.includes(guarded.identity))
      problems.push(`endpoint ${id} has identities ${state.identity.join(", ")}, not ${guarded.identity}`);
    if (!slots.content(guarded.slot)) problems.push(`policy slot ${guarded.slot} of endpoint ${id} is missing`);
    const present = new Map(kernel.ipcache.read().map((entry) => [entry.prefix, entry.identity]));
    for (const { prefix, identity } of knownPrefixes(guarded.endpoint)) {
      if (present.get(prefix) !== identity) problems.push(`the ipcache entry of ${prefix} is missing or wrong`);
    }
    return problems;
  }
}
