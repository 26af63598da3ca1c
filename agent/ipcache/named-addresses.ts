import { type AddressToken, namesOf, nameTokenOf } from "#policy/model/address-token.ts";
import { formatCidr, hostCidr, parseAddress } from "#policy/model/cidr.ts";
import { NameIndex } from "#policy/model/name-index.ts";
import { isOrdinaryAddress } from "#policy/model/ordinary-address.ts";

/** Sets of rules whose answers are kept: those in force, those to come, and both together. */
const kept = 4;

/** Names whose tokens are remembered, for each set of rules. */
const mostKnown = 65_536;

/** What some rules say of names. */
class SpokenNames {
  readonly #index: NameIndex;
  readonly #known = new Map<string, readonly AddressToken[]>();

  constructor(texts: readonly string[]) {
    this.#index = new NameIndex(texts);
  }

  get likely(): AddressToken[][] {
    return this.#index.likely().map((texts) => texts.map(nameTokenOf));
  }

  of(names: readonly string[]): readonly AddressToken[] {
    if (this.#index.size === 0) return [];
    const [only] = names;
    if (names.length === 1 && only !== undefined) return this.#ofName(only);
    return [...new Set(names.flatMap((name) => this.#ofName(name)))];
  }

  #ofName(name: string): readonly AddressToken[] {
    let tokens = this.#known.get(name);
    if (tokens) return tokens;
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(name, (tokens = this.#index.matching(name).map(nameTokenOf)));
    return tokens;
  }
}

/** Which DNS names addresses have, by host route. */
export class NamedAddresses {
  readonly #names = new Map<string, readonly string[]>();
  /** By what rules say. */
  readonly #spoken = new Map<string, SpokenNames>();
  #latest: { readonly tokens: readonly AddressToken[]; readonly spoken: SpokenNames } | null = null;

  /** @returns the host route; null: no name may stand for this address. */
  set(address: string, names: readonly string[]): string | null {
    const parsed = parseAddress(address);
    if (!parsed || !isOrdinaryAddress(parsed)) return null;
    const prefix = formatCidr(hostCidr(parsed));
    if (names.length > 0) this.#names.set(prefix, names);
    else this.#names.delete(prefix);
    return prefix;
  }

  clear(): void {
    this.#names.clear();
  }

  get size(): number {
    return this.#names.size;
  }

  get(prefix: string): readonly string[] {
    return this.#names.get(prefix) ?? [];
  }

  /** What rules say of an address by its names. */
  at(prefix: string, tokens: readonly AddressToken[]): readonly AddressToken[] {
    const names = this.#names.get(prefix);
    return names ? this.#spokenBy(tokens).of(names) : [];
  }

  /** As {@link at}, of all addresses of which rules say anything. */
  all(tokens: readonly AddressToken[], most: number): Map<string, readonly AddressToken[]> {
    const spoken = this.#spokenBy(tokens);
    const all = new Map<string, readonly AddressToken[]>();
    for (const [prefix, names] of this.#names) {
      if (all.size >= most) break;
      const said = spoken.of(names);
      if (said.length > 0) all.set(prefix, said);
    }
    return all;
  }

  /** What rules probably say of the names that addresses will have. */
  likely(tokens: readonly AddressToken[]): AddressToken[][] {
    return this.#spokenBy(tokens).likely;
  }

  #spokenBy(tokens: readonly AddressToken[]): SpokenNames {
    if (this.#latest?.tokens === tokens) return this.#latest.spoken;
    const texts = namesOf(tokens);
    const key = texts.join();
    const spoken = this.#spoken.get(key) ?? new SpokenNames(texts);
    this.#spoken.delete(key);
    this.#spoken.set(key, spoken);
    for (const old of this.#spoken.keys()) {
      if (this.#spoken.size <= kept) break;
      this.#spoken.delete(old);
    }
    this.#latest = { tokens, spoken };
    return spoken;
  }
}
