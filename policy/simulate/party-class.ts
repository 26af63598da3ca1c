import type { AddressToken } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import type { ReservedParty } from "#policy/model/reserved.ts";
import type { AddressCell } from "./address-cells.ts";

export type Family = 4 | 6;

/** What a class is of: pods, or one of the reserved parties; `world` is what is outside of the cluster. */
export type PartyKind = "pod" | ReservedParty;

/** A member by one of its addresses. */
export interface PartyEnd {
  /** Null: the member has no address that is known. */
  readonly family: Family | null;
  /** The number of its face in the class. */
  readonly face: number;
  /** In each of the worlds. */
  readonly parties: readonly Party[];
}

/** One pod, node, or whoever else. */
export interface PartyMember {
  /** `NAMESPACE/POD`, a node's name, an address, or what is said of a class without names. */
  readonly name: string;
  readonly ends: readonly PartyEnd[];
}

/** How members look by their addresses: pods of two families may look different by either of them. */
export interface PartyFace {
  /** Empty: without an address. */
  readonly families: readonly Family[];
  /** What rules say of the addresses, in each of the worlds; sorted. */
  readonly tokens: readonly (readonly AddressToken[])[];
}

/** Parties that no rule of any of the worlds can tell apart. */
export interface PartyClass {
  /** As it is in the last of the worlds. */
  readonly kind: PartyKind;
  readonly description: string;
  /** At least one; by name. */
  readonly members: readonly PartyMember[];
  /** At least one. Every member has an end for each of them. */
  readonly faces: readonly PartyFace[];
  /** Where the addresses lie, if all that is known of the members is that; else none. */
  readonly cells: readonly AddressCell[];
}

/** A member as a party of one world, by the face and family that are asked for. */
export function partyOf({ ends }: PartyMember, face: number, family: Family | null, world: number): Party | undefined {
  const own = ends.filter((end) => end.face === face);
  const end = own.find((one) => one.family === family) ?? (family === null ? own[0] : undefined);
  return (end ?? own.find((one) => one.family === null))?.parties[world];
}

/** Whether two members are one and the same, be it in other roles: those have an address in common. */
export function isSameMember(a: PartyMember, b: PartyMember): boolean {
  if (a === b) return true;
  const addresses = new Set(a.ends.flatMap(({ parties }) => parties.flatMap(({ address }) => address ?? [])));
  return b.ends.some(({ parties }) => parties.some(({ address }) => address !== undefined && addresses.has(address)));
}
