/** A pair of addresses in canonical text; a family that the pod has none of is null. */
export interface AddressPair {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

/** Addresses of one interface of a pod. */
export interface Lease extends AddressPair {
  readonly pool: string;
}

/** Addresses that are asked for. */
export interface LeaseRequest {
  /** For people: `namespace/pod`. */
  readonly owner: string;
  /** Absent: the pool of the asked addresses, or else the default one. */
  readonly pool?: string | undefined;
  /** One of each family at most, with or without a prefix; a family that is not named gets any address. */
  readonly addresses?: readonly string[] | undefined;
  /** Who comes again with the same key gets the same addresses again. */
  readonly stickyKey?: string | undefined;
}

/** How full a range is. */
export interface RangeFill {
  readonly pool: string;
  readonly cidr: string;
  readonly used: number;
  /** Released too recently to be given again. */
  readonly cooling: number;
  /** Kept for pods that may come back, and given to others only when nothing else is free. */
  readonly kept: number;
  readonly capacity: bigint;
}

export type Family = "ipv4" | "ipv6";
export const FAMILIES = ["ipv4", "ipv6"] as const satisfies Family[];

export const DEFAULT_POOL = "default";

/** The addresses that a pair has. */
export function addressesOf({ ipv4, ipv6 }: AddressPair): string[] {
  return [ipv4, ipv6].filter((address) => address !== null);
}

/** Of an address or a range in text. */
export function familyOf(text: string): Family {
  return text.includes(":") ? "ipv6" : "ipv4";
}
