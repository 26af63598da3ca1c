import { NameIndex } from "#policy/model/name-index.ts";
import { type Admission, type DnsAnswer, GRACE, lifetime, type Names, type SpokenNames } from "./names.ts";

export interface NameFilterOptions {
  /** Asks whoever can admit. Never rejects. */
  readonly ask: (answer: DnsAnswer) => Promise<Admission>;
  /** Tells of an answer that nobody waits for. */
  readonly hear: (answer: DnsAnswer) => void;
  /** Milliseconds; any clock that only goes forward. */
  readonly now: () => number;
}

/** Pairs of a name and an address that are remembered. */
const mostKnown = 65_536;
/** For how long, in ms, an address must count still to need nobody's word. */
const soon = 2_000;

/**
 * Asks only where a rule speaks of the name and the address is not known to count for as long as the answer says; tells
 * of all others now and then, because rules may come to speak of them.
 */
export class NameFilter implements Names {
  readonly #options: NameFilterOptions;
  /** Until when addresses of names count, in the order in which they were learned. */
  readonly #known = new Map<string, number>();
  #index = new NameIndex([]);
  #patterns = "";
  #minTtl = 0;

  constructor(options: NameFilterOptions) {
    this.#options = options;
  }

  /** What rules say from now on. */
  set rules({ patterns, minTtl }: Pick<SpokenNames, "patterns" | "minTtl">) {
    this.#minTtl = minTtl;
    const text = patterns.join();
    if (text === this.#patterns) return;
    this.#patterns = text;
    this.#index = new NameIndex(patterns);
    // What nobody has waited for may have been passed over.
    this.#known.clear();
  }

  admit(answer: DnsAnswer): Promise<Admission> | null {
    const { name, addresses } = answer;
    const now = this.#options.now();
    let isFresh = true;
    let isKnown = true;
    for (const { address, ttl } of addresses) {
      const left = (this.#known.get(`${name} ${address}`) ?? 0) - now;
      isFresh &&= left >= lifetime(ttl, this.#minTtl) - GRACE && left >= soon;
      isKnown &&= left >= soon;
    }
    if (isFresh) return null;
    if (!isKnown && this.#index.matching(name).length > 0) return this.#ask(answer);
    this.#options.hear(answer);
    this.#remember(answer, now);
    return null;
  }

  async #ask(answer: DnsAnswer): Promise<Admission> {
    const admission = await this.#options.ask(answer);
    if (admission === "admitted") this.#remember(answer, this.#options.now());
    return admission;
  }

  #remember({ name, addresses }: DnsAnswer, now: number): void {
    for (const { address, ttl } of addresses) {
      const key = `${name} ${address}`;
      this.#known.delete(key);
      this.#known.set(key, now + lifetime(ttl, this.#minTtl));
    }
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostKnown) break;
      this.#known.delete(oldest);
    }
  }
}
