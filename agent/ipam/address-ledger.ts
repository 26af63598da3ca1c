import type { Clock } from "#agent/runtime/clock.ts";
import { Journal } from "#agent/runtime/journal.ts";
import * as z from "zod";

/** `a`: address. `o`: owner. `u`: when the cool-down ends, in ms since the machine started; null: somebody has it. `k`: for whom it is kept. */
const record = z.object({ a: z.string(), o: z.string(), u: z.number().nullable(), k: z.string().optional() });
type Record = z.infer<typeof record>;

/** Lines beyond what is alive that the file may have before it is written anew. */
const SLACK = 4096;

/** Keys that are remembered; those that nothing has happened to for longest are forgotten first. */
const KEYS_MAX = 10_000;

/** What is known of an address that was given. */
export interface LedgerEntry {
  readonly owner: string;
  /** End of the cool-down in boot-time nanoseconds; null: it was not released. */
  readonly until: bigint | null;
  /** Of whoever gets it again when it comes back. */
  readonly key: string | null;
}

export interface LedgerOptions {
  /** Of the file in the state folder. */
  readonly path: string;
  readonly clock: Clock;
  /** In milliseconds. */
  readonly cooldown: number;
}

/**
 * What outlives the agent of addresses, apart from who has them now, which endpoint records say:
 * when they were released, and for whom they are kept.
 *
 * An address is in it before anybody can have it. So one that was given and that no record
 * claims at the next start was in use until then at the latest: its cool-down begins there.
 */
export class AddressLedger implements Disposable {
  readonly #journal: Journal<Record>;
  readonly #options: LedgerOptions;
  /** By address, in the order of what happened last. */
  readonly #entries = new Map<string, LedgerEntry>();
  /** Addresses by key, in the same order. */
  readonly #keys = new Map<string, readonly string[]>();

  /** @throws JournalError when the file is damaged other than at its end. */
  constructor(options: LedgerOptions) {
    this.#options = options;
    const { journal, records } = Journal.open(options.path, record);
    this.#journal = journal;
    const now = options.clock.bootNanoseconds();
    const latest = now + BigInt(options.cooldown) * 1_000_000n;
    for (const { a, o, u, k } of records) {
      // What an earlier boot of the machine says of time may be far too much.
      this.#set(a, { owner: o, until: u === null ? null : earlier(nanoseconds(u), latest), key: k ?? null });
    }
    const unclaimed = this.entries().filter(([, { until }]) => until === null);
    this.#write(unclaimed.map(([address, entry]) => [address, { ...entry, until: latest }]));
  }

  /** All that was given and may not be anybody's yet, in the order in which it was released. */
  entries(): [string, LedgerEntry][] {
    return [...this.#entries];
  }

  /** The addresses that were given last with a key. */
  addressesOf(key: string): readonly string[] {
    return this.#keys.get(key) ?? [];
  }

  keyOf(address: string): string | null {
    return this.#entries.get(address)?.key ?? null;
  }

  /**
   * Writes down that addresses are given, before they are. The key had no others from then on.
   *
   * @returns addresses that were kept for a key, and are not any more.
   */
  give(addresses: readonly string[], owner: string, key: string | null): string[] {
    const dropped = key === null ? [] : this.addressesOf(key).filter((address) => !addresses.includes(address));
    if (key !== null && !this.#keys.has(key)) dropped.push(...this.#tooMany());
    this.#write([
      ...dropped.map((address): [string, LedgerEntry] => [address, { ...this.#known(address), key: null }]),
      ...addresses.map((address): [string, LedgerEntry] => [address, { owner, until: null, key }]),
    ]);
    return dropped;
  }

  /** Says that addresses are in use after all, as an endpoint's record says. */
  restore(addresses: readonly string[], owner: string): void {
    this.#write(addresses.map((address) => [address, { owner, until: null, key: this.keyOf(address) }]));
  }

  release(address: string, until: bigint): void {
    this.#write([[address, { ...this.#known(address), until }]]);
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #known(address: string): LedgerEntry {
    return this.#entries.get(address) ?? { owner: "", until: 0n, key: null };
  }

  /** The oldest key's addresses, where one more key would be too many. */
  #tooMany(): readonly string[] {
    const [oldest] = this.#keys.size >= KEYS_MAX ? this.#keys.values() : [];
    return oldest ?? [];
  }

  #write(changes: readonly [string, LedgerEntry][]): void {
    if (this.#journal.length > 2 * this.#entries.size + SLACK) this.#rewrite();
    this.#journal.append(...changes.map(([address, entry]) => toRecord(address, entry)));
    for (const [address, entry] of changes) this.#set(address, entry);
  }

  #rewrite(): void {
    const now = this.#options.clock.bootNanoseconds();
    for (const [address, { until, key }] of this.#entries) {
      if (until !== null && until <= now && key === null) this.#drop(address);
    }
    this.#journal.rewrite([...this.#entries].map(([address, entry]) => toRecord(address, entry)));
  }

  #set(address: string, entry: LedgerEntry): void {
    this.#drop(address);
    this.#entries.set(address, entry);
    if (entry.key === null) return;
    const all = [...this.addressesOf(entry.key), address];
    this.#keys.delete(entry.key);
    this.#keys.set(entry.key, all);
  }

  #drop(address: string): void {
    const key = this.keyOf(address);
    this.#entries.delete(address);
    if (key === null) return;
    const others = this.addressesOf(key).filter((other) => other !== address);
    if (others.length > 0) this.#keys.set(key, others);
    else this.#keys.delete(key);
  }
}

function toRecord(address: string, { owner, until, key }: LedgerEntry): Record {
  const u = until === null ? null : Number((until + 999_999n) / 1_000_000n);
  return { a: address, o: owner, u, ...(key !== null && { k: key }) };
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.ceil(milliseconds)) * 1_000_000n;
}

function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
