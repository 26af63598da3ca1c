import { cniAnswer, cniCall, type CniCommand } from "#agent/api/cni.ts";
import type { Ports } from "#agent/api/ports.ts";
import { objectsLimit, type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "cni">;

const changing: ReadonlySet<CniCommand> = new Set(["ADD", "DEL", "GC"]);

/** What the CNI binary asks; the shapes are told in `cni.ts`. */
export const cniRoutes: readonly Route<Needs>[] = [
  route({
    method: "POST",
    path: "/v1/cni",
    summary: "A call of the CNI binary",
    pool: "cni",
    body: cniCall,
    bodyLimit: 2 * objectsLimit,
    response: cniAnswer,
    subject: ({ body: { command, containerId, ifName } }) =>
      changing.has(command) ? `${command} ${containerId} ${ifName}`.trim() : null,
    handle: ({ body }, { cni }: Needs, signal) => cni.call(body, signal),
  }),
];
