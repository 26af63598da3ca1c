import type { AttachmentService } from "#agent/api/ports.ts";
import { endpointView } from "./endpoint-views.ts";
import type { NodeParts } from "./parts.ts";

/** Pods come and go through here, one change at a time. */
export function attachmentService(parts: NodeParts): AttachmentService {
  const { changes, endpoints, pool } = parts;
  return {
    create: (request) => changes.run(() => endpoints.create(request)),
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
