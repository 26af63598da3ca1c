import { type AddressToken, blockToken, nameToken, tokenBlock } from "#policy/model/address-token.ts";
import { type Cidr, cidrContains, parseCidr } from "#policy/model/cidr.ts";
import type { Peer } from "#policy/model/rule.ts";

/**
 * What one rule says of one range, or by one name. Its blocks of that range differ only in their exceptions: an
 * address is meant unless each of them excepts it, so that how many do is all that counts.
 */
export class AddressMatch {
  /** Equal matches of one {@link AddressMatches} have one number. */
  readonly number: number;
  /** Without it no class is meant. */
  readonly token: AddressToken;
  readonly #blocks: number;
  /** By how many of the blocks each range is excepted. */
  readonly #excepted: ReadonlyMap<AddressToken, number>;

  constructor(number: number, token: AddressToken, exceptions: readonly (readonly AddressToken[])[]) {
    this.number = number;
    this.token = token;
    this.#blocks = exceptions.length;
    const excepted = new Map<AddressToken, number>();
    // Where one block has none, those of the others take nothing away.
    for (const own of exceptions.every(({ length }) => length > 0) ? exceptions : []) {
      for (const range of own) excepted.set(range, (excepted.get(range) ?? 0) + 1);
    }
    this.#excepted = excepted;
  }

  /**
   * Whether a class is meant.
   *
   * @param tokens Of a class that has {@link token}. Its ranges contain each other, so it meets at most one exception of a block.
   */
  holds(tokens: Iterable<AddressToken>): boolean {
    if (this.#excepted.size === 0) return true;
    let left = this.#blocks;
    for (const token of tokens) left -= this.#excepted.get(token) ?? 0;
    return left > 0;
  }
}

/** Turns what rules say of addresses into matches; equal ones are one object. Only ever grows. */
export class AddressMatches {
  readonly #byKey = new Map<string, AddressMatch>();
  readonly #byPeers = new WeakMap<readonly Peer[], readonly AddressMatch[]>();

  /** Of the peers of one rule those that are about addresses. */
  of(peers: readonly Peer[]): readonly AddressMatch[] {
    let matches = this.#byPeers.get(peers);
    if (!matches) this.#byPeers.set(peers, (matches = this.#find(peers)));
    return matches;
  }

  #find(peers: readonly Peer[]): AddressMatch[] {
    const byToken = new Map<AddressToken, AddressToken[][]>();
    for (const peer of peers) {
      const token = tokenOf(peer);
      if (token === null) continue;
      const exceptions = exceptionsOf(peer);
      const found = byToken.get(token);
      if (found) found.push(exceptions);
      else byToken.set(token, [exceptions]);
    }
    return [...byToken].map(([token, exceptions]) => this.#intern(token, exceptions));
  }

  #intern(token: AddressToken, exceptions: readonly (readonly AddressToken[])[]): AddressMatch {
    const key = `${token} ${exceptions.map((own) => own.join(",")).join(" ")}`;
    let match = this.#byKey.get(key);
    if (!match) {
      // Of a single block it does not matter how many of its exceptions a class meets.
      const counted = exceptions.length > 1 ? exceptions.map(widest) : exceptions;
      this.#byKey.set(key, (match = new AddressMatch(this.#byKey.size, token, counted)));
    }
    return match;
  }
}

/** Everything that rules say of addresses by this peer. */
export function addressTokens(peer: Peer): AddressToken[] {
  const first = tokenOf(peer);
  return first === null ? [] : [first, ...exceptionsOf(peer)];
}

/** The token without which a class cannot be meant; null: a peer that no class is. */
function tokenOf(peer: Peer): AddressToken | null {
  if (peer.kind === "block") return blockToken(peer.cidr, peer.scope);
  return peer.kind === "names" ? nameToken(peer.match) : null;
}

function exceptionsOf(peer: Peer): AddressToken[] {
  return peer.kind === "block" ? peer.except.map((cidr) => blockToken(cidr, peer.scope)) : [];
}

/** Ranges, all of one scope, without those that are inside of others. */
function widest(ranges: readonly AddressToken[]): readonly AddressToken[] {
  if (ranges.length < 2) return ranges;
  const sorted = ranges.map((token) => ({ token, cidr: rangeOf(token) })).sort((a, b) => compare(a.cidr, b.cidr));
  const kept: typeof sorted = [];
  for (const range of sorted) {
    const last = kept.at(-1);
    if (!last || !cidrContains(last.cidr, range.cidr)) kept.push(range);
  }
  return kept.map(({ token }) => token);
}

function rangeOf(token: AddressToken): Cidr {
  return parseCidr(tokenBlock(token)?.cidr ?? "") as Cidr;
}

/** A range comes after every range that contains it, and only others that it contains are between the two. */
function compare(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.bits - b.bits;
}
