import type { CniAnswer } from "#agent/api/cni.ts";
import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { removeHostSide } from "#agent/net/host-sides.ts";
import { type Call, type CniParts, delegate, nothing } from "./call.ts";
import { delegateFailure, runDelegate } from "./delegation.ts";

/**
 * DEL: the endpoint is released, with its veth and addresses. What is gone already is no
 * error, and neither the container's namespace nor `prevResult` is needed.
 */
export async function del(parts: CniParts, call: Call): Promise<CniAnswer> {
  const plugin = delegate(call);
  if (call.resume === undefined) {
    await release(parts, call);
    return plugin === undefined ? nothing : runDelegate(plugin, call);
  }
  return (plugin !== undefined && delegateFailure(plugin, call, call.resume)) || nothing;
}

async function release({ endpoints, host }: CniParts, { containerId, ifName }: Call): Promise<void> {
  const wasKnown = await endpoints.release(containerId, ifName);
  // Without a record there may still be a veth: the name is derived, not stored.
  if (!wasKnown) removeHostSide(host, hostInterfaceName(containerId, ifName));
}
