import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `exhausted`: no number is left.
 * - `conflict`: two subjects claim one number.
 * - `not-held`: a number is released that nobody acquired here.
 */
export type IdentityErrorCode = "exhausted" | "conflict" | "not-held";

export class IdentityError extends WeirError<IdentityErrorCode> {}
