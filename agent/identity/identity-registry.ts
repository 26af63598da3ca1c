import { IdentityRange } from "#agent/datapath/layouts.gen.ts";
import type { Entry, Store } from "#agent/store/store.ts";
import { IdentityError } from "./errors.ts";
import {
  type ClaimRecord,
  identityKeys,
  type NumberRecord,
  parseClaimRecord,
  parseNumberRecord,
} from "./identity-keys.ts";

const { CLUSTER_FIRST, CLUSTER_LAST } = IdentityRange;

export interface RegistryOptions {
  readonly store: Store;
  /** This node's name. */
  readonly node: string;
  /** Whether a number is known to be taken; saves asking the store for each. */
  readonly isTaken: (id: number) => boolean;
}

/**
 * The agreement of all nodes on the number of a subject, and on when nobody needs it any
 * more. Holds no state of its own; every step is one compare-and-swap, and any node may
 * stop for good between two steps.
 *
 * A number is forgotten in four steps: withdraw the own use; mark the claim as leaving;
 * look for uses; delete. Who claims does the reverse: registers its use, then reads the
 * claim again, and lifts the mark if there is one. Of two that do this at the same time
 * one always sees the other.
 */
export class IdentityRegistry {
  readonly #store: Store;
  readonly #node: string;
  readonly #isTaken: (id: number) => boolean;

  constructor({ store, node, isTaken }: RegistryOptions) {
    this.#store = store;
    this.#node = node;
    this.#isTaken = isTaken;
  }

  /**
   * The number of a subject, registered as used by this node.
   *
   * @param preferred taken when the subject has no number yet and this one is free.
   * @throws IdentityError `exhausted`; StoreError.
   */
  async claim(text: string, preferred?: number): Promise<number> {
    const key = identityKeys.claim(text);
    for (;;) {
      const before = readClaim(await this.#store.get(key));
      if (before === null) {
        await this.#create(text, preferred);
        continue;
      }
      const use = identityKeys.use(before.claim.id, this.#node);
      await this.#store.put(use, "", { lifetime: "node" });
      const after = readClaim(await this.#store.get(key));
      if (after?.claim.id === before.claim.id) {
        if (!after.claim.leaving) return after.claim.id;
        const condition = { revision: after.revision };
        const stay = await this.#store.put(key, formatClaim(after.claim.id, false), { condition });
        if (stay.ok) return after.claim.id;
      }
      await this.#retract(before.claim.id);
    }
  }

  /**
   * Says again what this node uses, where the store has lost all or a part of it.
   *
   * @returns the number that is agreed on now; another one when others were faster.
   */
  async restate(text: string, id: number): Promise<number> {
    const agreed = await this.claim(text, id);
    const stated = await this.#store.put(identityKeys.number(agreed), this.#numberValue(text), {
      condition: { revision: null },
    });
    if (stated.ok || standsFor(stated.current, text)) return agreed;
    throw new IdentityError("conflict", {
      asked: `say again in the store what identity ${agreed} is`,
      obstacle: "it has become another subject's",
      remedy: `delete the keys ${identityKeys.number(agreed)} and ${identityKeys.claim(text)}`,
    });
  }

  /** Withdraws this node's use, and forgets the number if it was the last. */
  async withdraw(id: number, text: string): Promise<void> {
    await this.#store.delete(identityKeys.use(id, this.#node));
    const key = identityKeys.claim(text);
    for (;;) {
      const found = readClaim(await this.#store.get(key));
      if (found?.claim.id !== id || (await this.#isUsed(id))) return;
      const condition = { revision: found.revision };
      const marked = await this.#store.put(key, formatClaim(id, true), { condition });
      // Somebody else has marked it or lifted the mark; who looks last has to decide.
      if (!marked.ok) continue;
      const { revision } = marked.entry;
      if (await this.#isUsed(id)) {
        await this.#store.put(key, formatClaim(id, false), { condition: { revision } });
      } else if (await this.#store.delete(key, { revision })) {
        await this.#store.delete(identityKeys.number(id));
      }
      return;
    }
  }

  /** Numbers that this node uses, according to the store. */
  async used(): Promise<number[]> {
    const suffix = `/${this.#node}`;
    const uses = await this.#store.list(identityKeys.allUses);
    return uses
      .filter(({ key }) => key.endsWith(suffix))
      .map(({ key }) => Number(key.slice(identityKeys.allUses.length, -suffix.length)));
  }

  /** Deletes numbers that this node made and then died before it could claim them. */
  async removeUnclaimed(): Promise<void> {
    for (const { key, value, revision } of await this.#store.list(identityKeys.numbers)) {
      const record = parseNumberRecord(value);
      if (record?.by !== this.#node) continue;
      const claim = readClaim(await this.#store.get(identityKeys.claim(record.subject)));
      if (identityKeys.number(claim?.claim.id ?? -1) !== key) await this.#store.delete(key, { revision });
    }
  }

  /**
   * Takes back a use of a number that has become another subject's in the meantime. Who
   * gave that one up may have seen the use, and left the forgetting to us.
   */
  async #retract(id: number): Promise<void> {
    await this.#store.delete(identityKeys.use(id, this.#node));
    const number = await this.#store.get(identityKeys.number(id));
    const record = number === null ? null : parseNumberRecord(number.value);
    if (record !== null) await this.withdraw(id, record.subject);
  }

  async #isUsed(id: number): Promise<boolean> {
    return (await this.#store.list(identityKeys.uses(id))).length > 0;
  }

  /** Makes a number for a subject, unless another node is faster. */
  async #create(text: string, preferred: number | undefined): Promise<void> {
    const value = this.#numberValue(text);
    const last = Number((await this.#store.get(identityKeys.last(this.#node)))?.value ?? CLUSTER_LAST);
    for (const id of this.#candidates(last, preferred)) {
      const made = await this.#store.put(identityKeys.number(id), value, { condition: { revision: null } });
      // Where the store has lost what was agreed on, all who still know it say the same again.
      const isAgreed = !made.ok && id === preferred && standsFor(made.current, text);
      if (!made.ok && !isAgreed) continue;
      if (id !== preferred) await this.#store.put(identityKeys.last(this.#node), String(id));
      const claimed = await this.#store.put(identityKeys.claim(text), formatClaim(id, false), {
        condition: { revision: null },
      });
      const isAnother = !claimed.ok && readClaim(claimed.current)?.claim.id !== id;
      if (isAnother && made.ok) await this.#store.delete(identityKeys.number(id), { revision: made.entry.revision });
      return;
    }
    throw new IdentityError("exhausted", {
      asked: "make an identity",
      obstacle: `all numbers from ${CLUSTER_FIRST} to ${CLUSTER_LAST} are taken`,
      remedy: "let fewer labels count, or remove pods",
    });
  }

  #numberValue(text: string): string {
    return JSON.stringify({ subject: text, by: this.#node } satisfies NumberRecord);
  }

  *#candidates(last: number, preferred: number | undefined): Generator<number> {
    const count = CLUSTER_LAST - CLUSTER_FIRST + 1;
    if (preferred !== undefined && preferred >= CLUSTER_FIRST && preferred <= CLUSTER_LAST) yield preferred;
    for (let i = 0; i < count; i++) {
      const id = CLUSTER_FIRST + ((last - CLUSTER_FIRST + 1 + i) % count);
      if (!this.#isTaken(id)) yield id;
    }
  }
}

/** Whether a number is said to stand for a subject. */
function standsFor(number: Entry | null, text: string): boolean {
  return number !== null && parseNumberRecord(number.value)?.subject === text;
}

function formatClaim(id: number, leaving: boolean): string {
  return JSON.stringify({ id, leaving } satisfies ClaimRecord);
}

/** @throws IdentityError `conflict` when something else stands under the key. */
function readClaim(entry: Entry | null): { claim: ClaimRecord; revision: string } | null {
  if (entry === null) return null;
  const claim = parseClaimRecord(entry.value);
  if (claim === null) {
    throw new IdentityError("conflict", {
      asked: `read ${entry.key}`,
      obstacle: "its value is no claim to an identity",
      remedy: "delete the key",
    });
  }
  return { claim, revision: entry.revision };
}
