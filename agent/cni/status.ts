import type { CniAnswer } from "#agent/api/cni.ts";
import { type Call, type CniParts, delegate, nothing } from "./call.ts";
import { delegateFailure, runDelegate } from "./delegation.ts";
import { CniError, ErrorCode } from "./errors.ts";

/**
 * STATUS: whether an ADD would be served now, and whether containers that exist may be cut off. One that took
 * its own interface away says nothing about the node: it must not make the node unready.
 */
export function status({ endpoints, problems }: CniParts, call: Call): CniAnswer {
  const plugin = delegate(call);
  if (plugin !== undefined) {
    if (call.resume === undefined) return runDelegate(plugin, call);
    const failure = delegateFailure(plugin, call, call.resume);
    if (failure) return failure;
  }
  const limits = endpoints.limitedInterfaces();
  if (limits.length > 0) {
    throw new CniError(ErrorCode.LIMITED, `containers may be limited: ${limits[0]}`, limits.join("\n"));
  }
  // Addresses that another plugin gives are not ours to count.
  const reasons = plugin === undefined ? problems(call.config.ipam?.pool) : [];
  if (reasons.length > 0) {
    throw new CniError(ErrorCode.UNAVAILABLE, `agent is not ready: ${reasons.join("; ")}`, reasons.join("\n"));
  }
  return nothing;
}
