import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `bad-key`, `too-large`: the caller's mistake.
 * - `unavailable`: the store does not answer.
 * - `closed`: the store was closed here.
 */
export type StoreErrorCode = "bad-key" | "too-large" | "unavailable" | "closed";

export class StoreError extends WeirError<StoreErrorCode> {}
