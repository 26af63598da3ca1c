import type { FlowRecord } from "./record.ts";

/** What a reader wants of the ring. */
export interface FlowSelection {
  readonly matches: (record: FlowRecord) => boolean;
  /** Where to begin: with the oldest, with what comes, or with the newest so many that match. */
  readonly from: "oldest" | "next" | { readonly newest: number };
  /** At most so many. */
  readonly limit?: number;
  /** Go on with what comes. */
  readonly follow: boolean;
  /** While following: from when it is aborted on, what has come by then is all that is wanted. */
  readonly finish?: AbortSignal;
  /** While following, this and what is after it are not wanted any more. */
  readonly ends?: (record: FlowRecord) => boolean;
  /** Say how many flows were lost. */
  readonly lost: boolean;
}
