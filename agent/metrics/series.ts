import { type LabelsOf, type ObservedMetric, observedMetrics } from "./definitions.ts";
import { type Family, numberText, type Sample } from "./exposition.ts";

type Labels = Readonly<Record<string, string>>;

/** Values by labels: a series is there from its first value on. */
class SeriesMap<Value> {
  readonly #series = new Map<string, { readonly labels: Labels; value: Value }>();

  /** The series of these labels, made if there is none. */
  of(labels: Labels, initial: () => Value): { value: Value } {
    const key = JSON.stringify(Object.values(labels));
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = { labels, value: initial() }));
    return series;
  }

  entries(): Iterable<{ readonly labels: Labels; readonly value: Value }> {
    return this.#series.values();
  }
}

/** A number that only grows, by labels. */
export class Counter<Name extends ObservedMetric> {
  readonly #name: Name;
  readonly #series = new SeriesMap<number>();

  constructor(name: Name) {
    this.#name = name;
  }

  add(labels: LabelsOf<Name>, count = 1): void {
    this.#series.of(labels, () => 0).value += count;
  }

  family(): Family {
    const samples = [...this.#series.entries()].map((series) => ({ name: this.#name, ...series }));
    return { name: this.#name, ...observedMetrics[this.#name], samples };
  }
}

interface Distribution {
  /** Values of each bucket alone, and at the end of those that are too large for all. */
  readonly counts: number[];
  sum: number;
}

/** How values are distributed, by labels. */
export class Histogram<Name extends ObservedMetric> {
  readonly #name: Name;
  readonly #bounds: readonly number[];
  readonly #series = new SeriesMap<Distribution>();

  /** @param bounds the largest value of each bucket, ascending. */
  constructor(name: Name, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
  }

  observe(labels: LabelsOf<Name>, value: number): void {
    const { value: distribution } = this.#series.of(labels, () => ({
      counts: Array.from({ length: this.#bounds.length + 1 }, () => 0),
      sum: 0,
    }));
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? this.#bounds.length : found;
    distribution.counts[bucket] = (distribution.counts[bucket] ?? 0) + 1;
    distribution.sum += value;
  }

  family(): Family {
    const samples = [...this.#series.entries()].flatMap(({ labels, value }) => this.#samples(labels, value));
    return { name: this.#name, ...observedMetrics[this.#name], samples };
  }

  #samples(labels: Labels, { counts, sum }: Distribution): Sample[] {
    let count = 0;
    const buckets = counts.map((inBucket, index): Sample => {
      count += inBucket;
      const le = numberText(this.#bounds[index] ?? Number.POSITIVE_INFINITY);
      return { name: `${this.#name}_bucket`, labels: { ...labels, le }, value: count };
    });
    return [
      ...buckets,
      { name: `${this.#name}_sum`, labels, value: sum },
      { name: `${this.#name}_count`, labels, value: count },
    ];
  }
}
