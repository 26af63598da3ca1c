/** What a DNS answer said, with what follows from it. */
export interface LearnedName {
  /** Lower case, without the trailing dot. */
  readonly name: string;
  /** Canonical texts; until when they count, boot time in ms. */
  readonly addresses: readonly (readonly [address: string, until: number])[];
  /** The endpoint that has asked. */
  readonly endpoint: number;
}

/**
 * Of what all share, {@link namesOfAddress} and {@link pairs}, an endpoint gets half of what it leaves to others at most: where
 * some are greedy, who asks for little still finds room.
 */
export interface NameTableLimits {
  /** Addresses that one name has: where it gets more, those that would end first end at once. */
  readonly addressesOfName: number;
  /** Names that one address has. */
  readonly namesOfAddress: number;
  /** Pairs of a name and an address that one endpoint's questions bring. */
  readonly pairsOfEndpoint: number;
  /** Pairs at all. */
  readonly pairs: number;
  /** Pairs that are kept because a connection lives. */
  readonly kept: number;
}

export const DEFAULT_LIMITS: NameTableLimits = {
  addressesOfName: 1_000,
  namesOfAddress: 1_024,
  pairsOfEndpoint: 32_768,
  pairs: 131_072,
  kept: 10_000,
};

/** Endpoints that are remembered of one name; others have asked as well. */
const mostEndpoints = 16;

/** {@link Pair.until} of what was ended before its time. */
const ENDED = 0;
/** Of what is left, so much an endpoint may have. */
const SHARE = 0.5;
/** How far, as a factor, a name may be over its bound before that is looked into. */
const SLACK = 1.125;
/** How many addresses, as a multiple of its bound, a name has until the next sweep. */
const MOST_OF_NAME = 4;

/** One address of a name. */
export interface NamedAddress {
  readonly name: string;
  readonly address: string;
  /** Boot time, ms. */
  readonly until: number;
  /** `connection`: the answers' time is over, but a connection to the address lives. */
  readonly source: "lookup" | "connection";
  /** Those that have asked, some of them where there are many. */
  readonly endpoints: readonly number[];
}

interface Pair {
  until: number;
  isKept: boolean;
  /** The endpoint whose bound it counts for. */
  readonly endpoint: number;
}

interface Name {
  readonly pairs: Map<string, Pair>;
  readonly endpoints: Set<number>;
  /** Pairs whose answers' time is not over. */
  live: number;
}

/** By address, the names that it has now. */
export type NameChanges = Map<string, readonly string[]>;

/** Which addresses DNS names stand for, by the answers that pods have got. Bounded, whatever they ask and are told. */
export class NameTable {
  readonly #limits: NameTableLimits;
  readonly #names = new Map<string, Name>();
  readonly #byAddress = new Map<string, Set<string>>();
  readonly #ofEndpoint = new Map<number, number>();
  #size = 0;
  #kept = 0;

  constructor(limits: NameTableLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** Pairs of a name and an address. */
  get size(): number {
    return this.#size;
  }

  /** Those of them that are kept because a connection lives. */
  get kept(): number {
    return this.#kept;
  }

  get names(): number {
    return this.#names.size;
  }

  has(name: string, address: string): boolean {
    return this.#names.get(name)?.pairs.has(address) ?? false;
  }

  namesOf(address: string): readonly string[] {
    return [...(this.#byAddress.get(address) ?? [])];
  }

  /** All addresses with their names. */
  byAddress(): NameChanges {
    return new Map([...this.#byAddress].map(([address, names]) => [address, [...names]]));
  }

  *all(): Generator<NamedAddress> {
    for (const [name, { pairs, endpoints }] of this.#names) {
      for (const [address, { until, isKept }] of pairs) {
        yield { name, address, until, source: isKept ? "connection" : "lookup", endpoints: [...endpoints] };
      }
    }
  }

  /**
   * Takes an answer in.
   *
   * @param changes Told of addresses that have come to have the name.
   * @returns whether all of it had room.
   */
  learn({ name, addresses, endpoint }: LearnedName, changes: NameChanges): boolean {
    let hasRoom = true;
    for (const [address, until] of addresses) {
      const known = this.#names.get(name);
      const pair = known?.pairs.get(address);
      if (known && pair) {
        if (!isLive(pair)) known.live++;
        if (pair.isKept) this.#kept--;
        pair.isKept = false;
        pair.until = Math.max(pair.until, until);
      } else if (this.#hasRoom(endpoint, known, address)) {
        this.#add(name, address, { until, isKept: false, endpoint });
        changes.set(address, this.namesOf(address));
      } else {
        hasRoom = false;
        continue;
      }
      const learned = this.#names.get(name) as Name;
      if (learned.endpoints.size < mostEndpoints) learned.endpoints.add(endpoint);
      this.#endFirst(learned);
    }
    return hasRoom;
  }

  /** Addresses of which something has ended: who has a live connection is to be asked for. */
  ended(now: number): Set<string> {
    const ended = new Set<string>();
    for (const { pairs } of this.#names.values()) {
      for (const [address, { until }] of pairs) if (until <= now) ended.add(address);
    }
    return ended;
  }

  /** Forgets what has ended, but for addresses that are alive: these keep their names. Tells of those that lost one. */
  sweep(now: number, isAlive: (address: string) => boolean): NameChanges {
    const changes: NameChanges = new Map();
    for (const [name, names] of this.#names) {
      for (const [address, pair] of names.pairs) {
        if (pair.until > now) continue;
        if (isAlive(address) && (pair.isKept || this.#kept < this.#limits.kept)) {
          if (isLive(pair)) names.live--;
          if (!pair.isKept) this.#kept++;
          pair.isKept = true;
        } else {
          this.#remove(name, address);
          changes.set(address, this.namesOf(address));
        }
      }
    }
    return changes;
  }

  #hasRoom(endpoint: number, name: Name | undefined, address: string): boolean {
    const { pairs, pairsOfEndpoint, addressesOfName, kept } = this.#limits;
    if (name && name.pairs.size >= MOST_OF_NAME * addressesOfName + kept) return false;
    const own = this.#ofEndpoint.get(endpoint) ?? 0;
    return own < Math.min(pairsOfEndpoint, SHARE * (pairs - this.#size)) && this.#hasRoomAt(address, endpoint);
  }

  #hasRoomAt(address: string, endpoint: number): boolean {
    const names = this.#byAddress.get(address);
    if (!names) return true;
    const most = SHARE * (this.#limits.namesOfAddress - names.size);
    // Nobody has more than there are.
    if (names.size < most) return true;
    let own = 0;
    for (const name of names) if (this.#names.get(name)?.pairs.get(address)?.endpoint === endpoint) own++;
    return own < most;
  }

  /** What is over the bound of a name ends; the next sweep asks whether a connection keeps it. Some at a time: it takes a sort. */
  #endFirst(name: Name): void {
    const { addressesOfName } = this.#limits;
    if (name.live <= addressesOfName * SLACK) return;
    const live = [...name.pairs.values()].filter(isLive).sort((a, b) => a.until - b.until);
    for (const pair of live.slice(0, live.length - addressesOfName)) pair.until = ENDED;
    name.live = addressesOfName;
  }

  #add(name: string, address: string, pair: Pair): void {
    let known = this.#names.get(name);
    if (!known) this.#names.set(name, (known = { pairs: new Map(), endpoints: new Set(), live: 0 }));
    known.pairs.set(address, pair);
    known.live++;
    const names = this.#byAddress.get(address);
    if (names) names.add(name);
    else this.#byAddress.set(address, new Set([name]));
    this.#ofEndpoint.set(pair.endpoint, (this.#ofEndpoint.get(pair.endpoint) ?? 0) + 1);
    this.#size++;
  }

  #remove(name: string, address: string): void {
    const known = this.#names.get(name);
    const pair = known?.pairs.get(address);
    if (!known || !pair) return;
    known.pairs.delete(address);
    if (known.pairs.size === 0) this.#names.delete(name);
    const names = this.#byAddress.get(address);
    names?.delete(name);
    if (names?.size === 0) this.#byAddress.delete(address);
    const left = (this.#ofEndpoint.get(pair.endpoint) ?? 1) - 1;
    if (left > 0) this.#ofEndpoint.set(pair.endpoint, left);
    else this.#ofEndpoint.delete(pair.endpoint);
    if (pair.isKept) this.#kept--;
    if (isLive(pair)) known.live--;
    this.#size--;
  }
}

function isLive({ until, isKept }: Pair): boolean {
  return until !== ENDED && !isKept;
}
