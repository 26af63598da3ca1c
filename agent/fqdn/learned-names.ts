import { MapFullError } from "#agent/datapath/map-full-error.ts";
import { type Admission, type DnsAnswer, lifetime } from "#agent/proxy/names.ts";
import { type Clock, pause } from "#agent/runtime/clock.ts";
import type { Log } from "#agent/runtime/log.ts";
import type { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import {
  type LearnedName,
  type NameChanges,
  type NamedAddress,
  NameTable,
  type NameTableLimits,
} from "./name-table.ts";
import type { NamesJournal } from "./names-journal.ts";

/** Of a connection as the datapath has it. */
interface SeenConnection {
  readonly destination: string;
  /** Boot time, ns. */
  readonly entry: { readonly expires: bigint };
}

export interface LearnedNamesOptions {
  readonly limits: NameTableLimits;
  /** Seconds that every answer counts for at least. */
  readonly minTtl: number;
  /** Has policy know the names of addresses; gives those for which it has no room. See `Enforcement.setNames`. */
  readonly setNames: (changes: NameChanges) => Promise<ReadonlySet<string>>;
  readonly connections: { all(): AsyncIterable<readonly SeenConnection[]> };
  readonly journal: Pick<NamesJournal, "append">;
  /** All changes of policy, one at a time. */
  readonly changes: SerialExecutor;
  /** Boot time, ns. */
  readonly now: () => bigint;
  readonly log: Log;
}

export interface NameCounts {
  readonly names: number;
  /** Pairs of a name and an address, and those of them that a connection keeps. */
  readonly addresses: number;
  readonly kept: number;
  /** Answers since the start: that were admitted, and that were not because there is no room. */
  readonly admitted: number;
  readonly refused: number;
}

/** Addresses of answers that wait at one time; of more the policy learns nothing. One answer may have thousands. */
const mostWaiting = 262_144;
/** Addresses that are looked at before others have a turn. */
const stretch = 16_384;

/** Between two looks for names whose time is over, in ms; and as a multiple of the time that one takes. */
const sweepInterval = 5_000;
const SHARE = 20;

interface Waiting {
  readonly answer: DnsAnswer;
  /** Boot time, ms, of its coming. */
  readonly at: number;
  readonly settle: ((admission: Admission) => void) | null;
}

/** What DNS names stand for, and that policy knows it. */
export class LearnedNames {
  readonly #options: LearnedNamesOptions;
  readonly #table: NameTable;
  readonly #waiting: Waiting[] = [];
  /** Addresses of these. */
  #waitingAddresses = 0;
  /** Until policy is in force nothing is admitted. */
  #isRunning = false;
  #isTaking = false;
  #isFull = false;
  #admitted = 0;
  #refused = 0;

  constructor(options: LearnedNamesOptions) {
    this.#options = options;
    this.#table = new NameTable(options.limits);
  }

  get counts(): NameCounts {
    const { names, size: addresses, kept } = this.#table;
    return { names, addresses, kept, admitted: this.#admitted, refused: this.#refused };
  }

  /** Names that an address, in canonical text, has. */
  namesOf(address: string): readonly string[] {
    return this.#table.namesOf(address);
  }

  list(): NamedAddress[] {
    return [...this.#table.all()];
  }

  /**
   * Takes over what an earlier life, and the proxy after it, have learned. What has ended since stays only where
   * a connection lives.
   *
   * @returns the names by address, of which policy is to know.
   */
  async restore(names: Iterable<LearnedName>): Promise<NameChanges> {
    for (const learned of names) this.#table.learn(learned, new Map());
    const now = this.#now();
    const alive = await this.#alive(this.#table.ended(now));
    this.#table.sweep(now, (address) => alive.has(address));
    return this.#table.byAddress();
  }

  /** Writes down for the next life what an earlier one has not. */
  keep(names: readonly LearnedName[]): void {
    this.#append(names);
  }

  /** Resolves when policy knows what the answer says, in the order in which they come. Never rejects. */
  admit(answer: DnsAnswer): Promise<Admission> {
    const { promise, resolve } = Promise.withResolvers<Admission>();
    this.#add({ answer, at: this.#now(), settle: resolve });
    return promise;
  }

  /** As {@link admit}, where nobody waits. */
  hear(answer: DnsAnswer): void {
    this.#add({ answer, at: this.#now(), settle: null });
  }

  /** Admits what comes, and what has come before, and forgets names whose time is over, until the signal. */
  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    this.#start();
    while (!signal.aborted) {
      const began = performance.now();
      await this.sweep();
      // It looks at all connections.
      await pause(clock, Math.max(sweepInterval, SHARE * (performance.now() - began)), signal);
    }
  }

  /** Forgets names whose time is over, but for addresses with a live connection. */
  async sweep(): Promise<void> {
    const now = this.#now();
    const ended = this.#table.ended(now);
    if (ended.size === 0) return;
    const alive = await this.#alive(ended);
    await this.#options.changes.run(async () => {
      const changes = this.#table.sweep(now, (address) => alive.has(address));
      if (changes.size > 0) await this.#setNames(changes);
    });
  }

  #now(): number {
    return Number(this.#options.now() / 1_000_000n);
  }

  #add(waiting: Waiting): void {
    const { length } = waiting.answer.addresses;
    if (this.#waitingAddresses + length > mostWaiting) {
      this.#refused++;
      waiting.settle?.("refused");
      return;
    }
    this.#waiting.push(waiting);
    this.#waitingAddresses += length;
    this.#start();
  }

  #start(): void {
    if (!this.#isRunning || this.#isTaking) return;
    this.#isTaking = true;
    void this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#options.changes.run(() => this.#take(this.#nextOnes()));
    this.#isTaking = false;
  }

  #nextOnes(): Waiting[] {
    let addresses = 0;
    const end = this.#waiting.findIndex(({ answer }) => (addresses += answer.addresses.length) >= stretch);
    const some = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end + 1);
    this.#waitingAddresses -= addresses;
    return some;
  }

  /** Whatever happens, those who wait are answered. */
  async #take(some: readonly Waiting[]): Promise<void> {
    let refused: (answer: DnsAnswer) => boolean = () => true;
    try {
      refused = await this.#learn(some);
    } catch (error) {
      this.#options.log.error({ err: error }, "DNS answers could not be admitted");
    }
    for (const { answer, settle } of some) {
      const isRefused = refused(answer);
      if (isRefused) this.#refused++;
      else this.#admitted++;
      settle?.(isRefused ? "refused" : "admitted");
    }
  }

  /** @returns which of the answers policy has no room for. */
  async #learn(some: readonly Waiting[]): Promise<(answer: DnsAnswer) => boolean> {
    const without = new Set<DnsAnswer>();
    const changes: NameChanges = new Map();
    const learned: LearnedName[] = [];
    for (const { answer, at } of some) {
      const { name, endpoint } = answer;
      const addresses = answer.addresses.map(({ address, ttl }) => {
        return [address, at + lifetime(ttl, this.#options.minTtl)] as const;
      });
      if (!this.#table.learn({ name, endpoint, addresses }, changes)) without.add(answer);
      // What had no room is nothing to policy, nor to the next life.
      const taken = addresses.filter(([address]) => this.#table.has(name, address));
      // What is known already may wait for room in policy.
      for (const [address] of taken) changes.set(address, this.#table.namesOf(address));
      if (taken.length > 0) learned.push({ name, endpoint, addresses: taken });
    }
    const waiting = await this.#setNames(changes);
    this.#append(learned);
    return (answer) => without.has(answer) || answer.addresses.some(({ address }) => waiting.has(address));
  }

  async #setNames(changes: NameChanges): Promise<ReadonlySet<string>> {
    try {
      return await this.#options.setNames(changes);
    } catch (error) {
      if (!(error instanceof MapFullError)) throw error;
      this.#options.log.error({ err: error }, "the kernel has no room for addresses of DNS names");
      return new Set(changes.keys());
    }
  }

  /** What is not written is only missing to the next life. */
  #append(learned: readonly LearnedName[]): void {
    try {
      this.#options.journal.append(learned, () => this.#table.all());
      this.#isFull = false;
    } catch (error) {
      if (!this.#isFull) this.#options.log.error({ err: error }, "DNS names cannot be kept for the next start");
      this.#isFull = true;
    }
  }

  /** Which of the addresses somebody has a connection to. */
  async #alive(addresses: ReadonlySet<string>): Promise<Set<string>> {
    const alive = new Set<string>();
    if (addresses.size === 0) return alive;
    for await (const some of this.#options.connections.all()) {
      const now = this.#options.now();
      for (const { destination, entry } of some) {
        if (addresses.has(destination) && entry.expires >= now) alive.add(destination);
      }
    }
    return alive;
  }
}
