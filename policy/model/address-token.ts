import { type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "./cidr.ts";
import { type Party, isOutside } from "./flow.ts";
import { type NameMatch, formatNameMatch } from "./l7.ts";
import { matchesName } from "./name-match.ts";
import type { BlockScope } from "./rule.ts";

/**
 * One thing that rules say of addresses, as a text: a range (`10.0.0.0/8`), a range of addresses
 * outside of the cluster (`outside:10.0.0.0/8`), or a DNS name (`dns:*.example.com`). An
 * address class is a set of them.
 */
export type AddressToken = string;

const OUTSIDE = "outside:";
const NAME = "dns:";

export function blockToken(cidr: string, scope: BlockScope): AddressToken {
  return scope === "any" ? cidr : `${OUTSIDE}${cidr}`;
}

export function nameToken(match: NameMatch): AddressToken {
  return nameTokenOf(formatNameMatch(match));
}

/** The token of a rule's text of a name. */
export function nameTokenOf(text: string): AddressToken {
  return `${NAME}${text}`;
}

export function isNameToken(token: AddressToken): boolean {
  return token.startsWith(NAME);
}

/** The texts of those tokens that speak of names. */
export function namesOf(tokens: Iterable<AddressToken>): string[] {
  return [...tokens].filter(isNameToken).map((token) => token.slice(NAME.length));
}

/** The range that a token speaks of, and of whose addresses; null for a name. */
export function tokenBlock(token: AddressToken): { readonly cidr: string; readonly scope: BlockScope } | null {
  if (token.startsWith(NAME)) return null;
  return token.startsWith(OUTSIDE)
    ? { cidr: token.slice(OUTSIDE.length), scope: "outside" }
    : { cidr: token, scope: "any" };
}

/** Whether a token holds for a party's address. */
export function tokenHolds(token: AddressToken, party: Party): boolean {
  const block = tokenBlock(token);
  if (!block) {
    const text = token.slice(NAME.length);
    return isOutside(party) && (party.names ?? []).some((name) => matchesName(text, name));
  }
  const address = party.address === undefined ? null : parseAddress(party.address);
  if (!address || (block.scope === "outside" && !isOutside(party))) return false;
  return cidrContains(parseCidr(block.cidr) as Cidr, hostCidr(address));
}
