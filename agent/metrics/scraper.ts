import type { MetricsPort } from "#agent/api/ports.ts";
import type { MetricView } from "#agent/api/views.ts";
import { type ReadMetric, readMetrics } from "./definitions.ts";
import { exposition, type Family } from "./exposition.ts";
import type { Observations } from "./observations.ts";
import { readAll } from "./readings.ts";
import type { MetricSources } from "./sources.ts";

/** Gives all metrics as they are when somebody asks. */
export class Scraper implements MetricsPort {
  readonly #sources: MetricSources;
  readonly #observations: Observations;
  #reading: Promise<readonly Family[]> | null = null;

  constructor(sources: MetricSources, observations: Observations) {
    this.#sources = sources;
    this.#observations = observations;
  }

  async text(): Promise<string> {
    return exposition(await this.#families());
  }

  async list(): Promise<readonly MetricView[]> {
    const families = await this.#families();
    return families.flatMap(({ type, samples }) => samples.map((sample) => ({ ...sample, type })));
  }

  /** Whoever asks while it is being read gets the same: a hundred scrapes at a time cost one. */
  #families(): Promise<readonly Family[]> {
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<readonly Family[]> {
    const readings = await readAll(this.#sources);
    const read = (Object.keys(readMetrics) as ReadMetric[]).map((name) => ({
      name,
      ...readMetrics[name],
      samples: readings[name].map(({ labels, value }) => ({ name, labels, value })),
    }));
    return [...read, ...this.#observations.families()];
  }
}
