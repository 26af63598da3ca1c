import type { ServedRequest } from "#agent/api/handler.ts";
import { ErrorCode } from "#agent/cni/errors.ts";
import type { EndedCall } from "#agent/cni/service.ts";
import type { Observations } from "#agent/metrics/observations.ts";

const knownCodes = new Set<number>(Object.values(ErrorCode));

/** Another plugin may give any code: what it says must not make series. */
export function observeCniCall(observations: Observations, call: EndedCall): void {
  const { plugin, command: verb, outcome, code, milliseconds } = call;
  const known = code !== null && knownCodes.has(code) ? String(code) : "other";
  observations.cniCall({ plugin, verb, outcome }, code === null ? null : known, milliseconds / 1000);
}

export function observeRequest(observations: Observations, request: ServedRequest): void {
  const { method, route, status, pool, seconds } = request;
  observations.apiRequest(
    { method, route, status: String(status) },
    pool === "wait" || pool === "stream" ? null : seconds,
  );
}
