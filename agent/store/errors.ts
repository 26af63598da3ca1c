import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `bad-key`, `too-large`: the caller's mistake.
 * - `unavailable`: the store does not answer.
 * - `refused`: it answers, but does not do this: who we are, or what we may.
 * - `closed`: the store was closed here.
 */
export type StoreErrorCode = "bad-key" | "too-large" | "unavailable" | "refused" | "closed";

export class StoreError extends WeirError<StoreErrorCode> {}
