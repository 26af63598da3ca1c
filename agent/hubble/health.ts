import { ApiError } from "#agent/api/errors.ts";
import type { HealthCheckRequest } from "./messages.ts";

/** Answers `grpc.health.v1.Health`: a service that answers at all serves. */
export class Health {
  readonly #services: ReadonlySet<string>;

  /** @param paths of methods, `/observer.Observer/GetFlows`. */
  constructor(paths: readonly string[]) {
    this.#services = new Set(["", ...paths.map((path) => path.split("/")[1] ?? "")]);
  }

  /** @throws ApiError `not-found` for a service that is not there. */
  check({ service = "" }: HealthCheckRequest): object {
    if (this.#services.has(service)) return { status: "SERVING" };
    throw new ApiError("not-found", { asked: `check service ${service}`, obstacle: "there is no such service" });
  }

  watch({ service = "" }: HealthCheckRequest): object {
    return { status: this.#services.has(service) ? "SERVING" : "SERVICE_UNKNOWN" };
  }
}
