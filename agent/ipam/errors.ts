import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `pool-exhausted`: no address is free now; one may be later.
 * - `no-range`: the node has no range yet; it waits for one.
 * - `unknown-pool`: the node has no pool of that name.
 * - `address-in-use`: the address belongs to somebody else.
 * - `address-cooling`: somebody else had the address until a moment ago.
 * - `address-outside`: the address is not one of the pool's, or is kept for the node.
 * - `bad-request`: addresses were asked for that one pod cannot have together.
 * - `bad-range`: the range is none, too small, or overlaps another one.
 * - `range-in-use`: a range cannot be taken away from pods that have addresses of it.
 * - `bad-mask`: the nodes of the cluster do not agree on how large a block is.
 */
export type IpamErrorCode =
  | "pool-exhausted"
  | "no-range"
  | "unknown-pool"
  | "address-in-use"
  | "address-cooling"
  | "address-outside"
  | "bad-request"
  | "bad-range"
  | "range-in-use"
  | "bad-mask";

export class IpamError extends WeirError<IpamErrorCode> {}
