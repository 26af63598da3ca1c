import { deleteRequestPath } from "#agent/api/delete-request.ts";
import { ApiError } from "#agent/api/errors.ts";
import type { AttachmentService } from "#agent/api/ports.ts";
import { removeFile } from "#agent/runtime/files.ts";
import { endpointView } from "./endpoint-views.ts";
import type { NodeParts } from "./parts.ts";

/** Pods come and go through here, one change at a time. */
export function attachmentService(parts: NodeParts): AttachmentService {
  const { changes, config, endpoints, pool } = parts;
  return {
    create: (request) =>
      changes.run(() => {
        refuseUnsupported(request.runtimeConfig ?? {});
        const attachment = endpoints.create(request);
        // A DEL that waits from an earlier attachment must not take this one down.
        removeFile(deleteRequestPath(config.runDir, request.containerId, request.ifName));
        return attachment;
      }),
    activate: (id, { ifindex, netnsInode }) =>
      changes.run(async () => {
        await endpoints.activate(id, ifindex, netnsInode);
        return endpointView(parts, id);
      }),
    release: ({ containerId, ifName }) =>
      changes.run(async () => ({ released: await endpoints.release(containerId, ifName) })),
    check: (request) => changes.run(() => ({ problems: endpoints.check(request) })),
    status: () => {
      const full = pool.fill.filter(({ used, cooling, capacity }) => BigInt(used + cooling) >= capacity);
      const problems = full.map(({ cidr }) => `pool ${cidr} has no free address`);
      return { ready: problems.length === 0, limited: false, problems };
    },
  };
}

/** What a runtime asks for by capabilities and this version would not do must not be passed over in silence. */
function refuseUnsupported(runtimeConfig: Readonly<Record<string, unknown>>): void {
  const asked = Object.keys(runtimeConfig);
  if (asked.length === 0) return;
  throw new ApiError("bad-request", {
    asked: "attach a pod",
    obstacle: `runtimeConfig has ${asked.join(", ")}, which is not supported in this version`,
    remedy: "remove the capability from the network configuration",
  });
}
