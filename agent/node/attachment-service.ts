import { deleteRequestPath } from "#agent/api/delete-request.ts";
import type { AttachmentService } from "#agent/api/ports.ts";
import { removeFile } from "#agent/runtime/files.ts";
import { endpointView } from "./endpoint-views.ts";
import type { NodeParts } from "./parts.ts";
import { readRuntimeConfig } from "#agent/api/runtime-config.ts";

/** Pods come and go through here, one change at a time. */
export function attachmentService(parts: NodeParts): AttachmentService {
  const { changes, config, endpoints, pool } = parts;
  return {
    create: (request) =>
      changes.run(() => {
        const { bandwidth } = readRuntimeConfig(request.runtimeConfig ?? {});
        const attachment = endpoints.create(request, bandwidth);
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
