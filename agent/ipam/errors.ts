import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `pool-exhausted`: no address is free now; one may be later.
 * - `address-in-use`: the address belongs to somebody else.
 * - `address-outside`: the address is not one of the pool's, or is kept for the node.
 * - `bad-range`: the range is none, or too small.
 */
export type IpamErrorCode = "pool-exhausted" | "address-in-use" | "address-outside" | "bad-range";

export class IpamError extends WeirError<IpamErrorCode> {}
