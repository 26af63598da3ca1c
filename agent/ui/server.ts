import type { Listener } from "#agent/api/handler.ts";
import { ApiServer, defaultLimits, type ServerLimits } from "#agent/api/server.ts";
import type { TcpAddress } from "#agent/api/tcp-socket.ts";
import type { PageAccess } from "./access.ts";
import { readPageFiles } from "./files.ts";
import { Front } from "./front.ts";
import { type PagePorts, pageRoutes } from "./routes.ts";

/** A few people look, each in a few windows. */
const limits: ServerLimits = { ...defaultLimits, connections: 64, pools: { call: 16, wait: 4, stream: 8 } };

/** The page on loopback. @throws ApiError `socket`. */
export async function servePage(
  address: TcpAddress,
  access: PageAccess,
  ports: PagePorts,
  listener: Listener,
): Promise<AsyncDisposable> {
  const front = new Front(address, access, readPageFiles());
  const place = { ...address, option: "--ui-address" };
  return ApiServer.listen(place, pageRoutes, ports, listener, limits, (request, response) =>
    front.answers(request, response),
  );
}
