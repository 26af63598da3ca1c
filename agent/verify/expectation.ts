import { slotImage } from "#agent/datapath/encode.ts";
import type { IpcacheState, MapImage, SlotDecision, SlotEntry } from "#agent/datapath/kernel.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import { insideTokens, partition } from "#agent/ipcache/partition.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { EntryDecision, PolicyEntry } from "#policy/compile/entry.ts";
import type { AddressToken } from "#policy/model/address-token.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { Rule } from "#policy/model/rule.ts";
import { ruleName } from "./names.ts";
import type { Pace } from "./pace.ts";
import type { KnownReferences, ReadOut } from "./read-out.ts";

/** Stands for a number that nobody has handed out. */
const UNNUMBERED = 0xffff_ffff;

/** What a slot should hold. */
export interface ExpectedSlot {
  readonly image: MapImage;
  /** Of each entry, in the image's order. */
  rulesOf(index: number): string[];
}

/**
 * What the maps should hold: computed anew from the objects, with nothing that the running
 * engine has kept; only its numbers are taken over.
 */
export class Expectation {
  readonly ipcache: readonly IpcacheState[];
  readonly #engine: PolicyEngine;
  readonly #references: KnownReferences;
  /** By the array that stands for the set. */
  readonly #numbers = new Map<readonly Rule[], number>();
  readonly #slots = new Map<string, ExpectedSlot>();

  private constructor(engine: PolicyEngine, ipcache: readonly IpcacheState[], references: KnownReferences) {
    this.#engine = engine;
    this.#references = references;
    this.ipcache = ipcache;
  }

  static async compute({ snapshot, objects }: ReadOut, references: KnownReferences, pace: Pace): Promise<Expectation> {
    const engine = new PolicyEngine(objects, snapshot.engine.options);
    await pace.rest();
    for (const [identity, subject] of snapshot.identities) {
      engine.addIdentity(identity, subject);
      if (pace.isDue) await pace.rest();
    }
    const numbers = new Map([...snapshot.classes].map(([id, tokens]) => [tokens.join(" "), id]));
    const numberOf = (tokens: readonly AddressToken[]): number =>
      tokens.length === 0 ? 0 : (numbers.get(tokens.join(" ")) ?? UNNUMBERED);
    const parts = partition(snapshot.known, engine.tokens, ReservedIdentity.WORLD);
    const ipcache: IpcacheState[] = [];
    const known = new Set<number>();
    for (const { prefix, identity, tokens } of parts) {
      if (pace.isDue) await pace.rest();
      ipcache.push({ prefix, identity, addressClass: numberOf(tokens) });
      // The second one is for addresses that come to belong to a pod.
      for (const set of [tokens, insideTokens(tokens)]) {
        const id = numberOf(set);
        if (id === 0 || known.has(id)) continue;
        known.add(id);
        engine.addClass(id, set);
      }
    }
    return new Expectation(engine, ipcache, references);
  }

  /** Subjects with the same key have the same policy. */
  policyKey(subject: Subject): string {
    return this.#engine.policyKey(subject);
  }

  slotOf(subject: Subject): ExpectedSlot {
    const key = this.#engine.policyKey(subject);
    let slot = this.#slots.get(key);
    if (!slot) {
      const { entries } = this.#engine.compile(subject);
      const image = slotImage(entries.map((entry) => this.#entry(entry)));
      slot = { image, rulesOf: (index) => rulesOf(entries[index] as PolicyEntry) };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  #entry({ peer, direction, protocol, port, portBits, below, ...decision }: PolicyEntry): SlotEntry {
    const traffic = { peer, direction, protocol, port, portBits };
    return { ...traffic, ...this.#decision(decision), below: below && this.#decision(below) };
  }

  #decision({ verdict, precedence, rules }: EntryDecision): SlotDecision {
    return { verdict, precedence, rule: this.#numberOf(rules) };
  }

  #numberOf(rules: readonly Rule[]): number {
    let number = this.#numbers.get(rules);
    if (number === undefined) this.#numbers.set(rules, (number = this.#references.find(rules) ?? UNNUMBERED));
    return number;
  }
}

/** Those of an entry, and those of what it lets through to below. */
function rulesOf({ rules, below }: PolicyEntry): string[] {
  const all = [...rules, ...(below?.rules ?? [])];
  return [...new Set(all.map(({ description }) => ruleName(description)))].sort();
}
