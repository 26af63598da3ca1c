import { deleteRequestPath } from "#agent/api/delete-request.ts";
import type { CniPort } from "#agent/api/ports.ts";
import { CniService } from "#agent/cni/service.ts";
import { removeFile } from "#agent/runtime/files.ts";
import { observeCniCall } from "./observed.ts";
import type { NodeParts } from "./parts.ts";

/** Pods come and go through here, one change at a time. */
export function cniPort(parts: NodeParts): CniPort {
  const { changes, config, endpoints, leases, connection, ipam, pods, log, observations } = parts;
  const failed = (error: unknown, what: string): void => log.error({ err: error }, what);
  return new CniService(
    {
      endpoints,
      leases,
      host: connection,
      addressWish: (namespace, pod) => pods.addressWish(namespace, pod),
      problems: (pool) => ipam.obstacles(pool),
      forgetDeletion: ({ containerId, ifName }, kind) => {
        removeFile(deleteRequestPath(config.runDir, { containerId, ifName, kind }));
      },
      undone: failed,
    },
    {
      inTurn: (change) => changes.run(change),
      unforeseen: failed,
      ended: (call) => observeCniCall(observations, call),
    },
  );
}
