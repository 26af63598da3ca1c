import type { LabelsOf } from "./definitions.ts";
import type { Family } from "./exposition.ts";
import { ProxiedRequests } from "./proxied-requests.ts";
import { Counter, Histogram } from "./series.ts";

const milliseconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What is counted as it happens: it lasts some microseconds, and happens seldom. Durations are in seconds. */
export class Observations {
  readonly proxied = new ProxiedRequests();
  readonly #requests = new Counter("weir_api_requests_total");
  readonly #requestDurations = new Histogram("weir_api_request_duration_seconds", milliseconds);
  readonly #calls = new Histogram("weir_cni_call_duration_seconds", seconds);
  readonly #cniErrors = new Counter("weir_cni_errors_total");
  readonly #updates = new Histogram("weir_policy_update_duration_seconds", seconds);

  /** `duration` null: it waited for something, or streamed, and was over when the caller wanted. */
  apiRequest(labels: LabelsOf<"weir_api_requests_total">, duration: number | null): void {
    this.#requests.add(labels);
    const { method, route } = labels;
    if (duration !== null) this.#requestDurations.observe({ method, route }, duration);
  }

  /** `code` null: it was no error. */
  cniCall(
    { plugin, verb, outcome }: LabelsOf<"weir_cni_call_duration_seconds">,
    code: string | null,
    duration: number,
  ): void {
    this.#calls.observe({ plugin, verb, outcome }, duration);
    if (code !== null) this.#cniErrors.add({ plugin, verb, code });
  }

  policyUpdate(outcome: "in-force" | "refused", duration: number): void {
    this.#updates.observe({ outcome }, duration);
  }

  families(): Family[] {
    const own = [this.#requests, this.#requestDurations, this.#calls, this.#cniErrors, this.#updates];
    return [...own.map((metric) => metric.family()), ...this.proxied.families()];
  }
}
