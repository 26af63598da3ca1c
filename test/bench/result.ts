/** One line of the table, and of `--json`. */
export interface BenchResult {
  readonly suite: string;
  readonly case: string;
  /** The median of the runs. */
  readonly value: number;
  readonly unit: string;
  /** At most this, unless {@link least}; null: only told. */
  readonly target: number | null;
  /** The target is the least, not the most. */
  readonly least?: boolean;
  readonly runs: number;
}

/** The middle of sorted values; of an even number the lower middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
