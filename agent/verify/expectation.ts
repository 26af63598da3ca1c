import { slotImage } from "#agent/datapath/encode.ts";
import type { IpcacheState, LimitBounds, MapImage } from "#agent/datapath/kernel.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import { type EntryNumbers, toSlotEntry } from "#agent/endpoint/slot-entry.ts";
import { insideTokens, partition } from "#agent/ipcache/partition.ts";
import type { Limit } from "#policy/compile/conditions.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyEntry } from "#policy/compile/entry.ts";
import { type AddressToken, isNameToken } from "#policy/model/address-token.ts";
import type { Governed } from "#policy/model/identity.ts";
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
  readonly rulesOf: (index: number) => string[];
}

/**
 * What the maps should hold: computed anew from the objects, with nothing that the running
 * engine has kept; only its numbers are taken over.
 */
export class Expectation {
  readonly ipcache: readonly IpcacheState[];
  /** Bounds of rules, by reference, that slots name which were asked for. */
  readonly limits = new Map<number, LimitBounds>();
  readonly #engine: PolicyEngine;
  readonly #references: KnownReferences;
  /** By the array that stands for the set. */
  readonly #numbers = new Map<readonly Rule[], number>();
  readonly #slots = new Map<string, ExpectedSlot>();
  readonly #entryNumbers: EntryNumbers;

  private constructor(
    engine: PolicyEngine,
    ipcache: readonly IpcacheState[],
    references: KnownReferences,
    boot: EntryNumbers["boot"],
  ) {
    const limit = ({ rule, rate, connections }: Limit): number => {
      const reference = this.#references.find([rule]) ?? UNNUMBERED;
      this.limits.set(reference, { rate: rate ?? 0, connections: connections ?? 0 });
      return reference;
    };
    this.#entryNumbers = { rules: ({ rules }) => this.#numberOf(rules), limit, boot };
    this.#engine = engine;
    this.#references = references;
    this.ipcache = ipcache;
  }

  static async compute({ snapshot, objects }: ReadOut, references: KnownReferences, pace: Pace): Promise<Expectation> {
    const engine = new PolicyEngine(objects, snapshot.engine.options);
    for (const [identity, party] of snapshot.parties) engine.addReserved(identity, party);
    engine.addReserved(ReservedIdentity.HOST, { reserved: "host", nodeLabels: snapshot.ownLabels });
    await pace.rest();
    for (const [identity, subject] of snapshot.identities) {
      engine.addIdentity(identity, subject);
      if (pace.isDue) await pace.rest();
    }
    const numbers = new Map([...snapshot.classes].map(([id, tokens]) => [tokens.join(" "), id]));
    const numberOf = (tokens: readonly AddressToken[]): number =>
      tokens.length === 0 ? 0 : (numbers.get(tokens.join(" ")) ?? UNNUMBERED);
    const { known: owned, outside: outsiders, named } = snapshot;
    const parts = partition(owned, engine.tokens, ReservedIdentity.WORLD, outsiders, named);
    const ipcache: IpcacheState[] = [];
    const known = new Set<number>();
    for (const { prefix, identity, tokens, outside } of parts) {
      if (pace.isDue) await pace.rest();
      ipcache.push({ prefix, identity, addressClass: numberOf(tokens) });
      // Pods and nodes may come to have the addresses, or leave them.
      const nameless = outside.filter((token) => !isNameToken(token));
      for (const set of [nameless, insideTokens(nameless)]) {
        const id = numberOf(set);
        if (id === 0 || known.has(id)) continue;
        known.add(id);
        engine.addClass(id, set);
      }
    }
    // Those of names are there before any address has them, and for a while after the last one.
    for (const [id, set] of snapshot.classes) if (set.some(isNameToken)) engine.addClass(id, set);
    return new Expectation(engine, ipcache, references, snapshot.boot);
  }

  /** Subjects with the same key have the same policy. */
  policyKey(subject: Governed): string {
    return this.#engine.policyKey(subject);
  }

  slotOf(subject: Governed): ExpectedSlot {
    const key = this.#engine.policyKey(subject);
    let slot = this.#slots.get(key);
    if (!slot) {
      const { entries } = this.#engine.compile(subject);
      const image = slotImage(entries.map((entry) => toSlotEntry(entry, this.#entryNumbers)));
      slot = { image, rulesOf: (index) => rulesOf(entries[index] as PolicyEntry) };
      this.#slots.set(key, slot);
    }
    return slot;
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
