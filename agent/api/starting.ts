import { ApiError } from "./errors.ts";
import type { Warn } from "./handler.ts";
import type { Ports } from "./ports.ts";
import type { Route } from "./route.ts";
import { allRoutes } from "./routes.ts";
import { statusRoutes } from "./routes/status.ts";
import { serveSockets } from "./server.ts";

/** What the agent answers while it still waits for something: its status, and that it is not ready. */
export function serveStarting(runDir: string, ports: Pick<Ports, "status">, warn: Warn): Promise<AsyncDisposable> {
  const notReady = async (): Promise<never> => {
    const [problem] = (await ports.status.status()).problems;
    throw new ApiError("not-ready", { asked: "ask the agent", obstacle: problem ?? "it is starting" });
  };
  const others = allRoutes.filter(({ path }) => !statusRoutes.some((route) => route.path === path));
  const routes: readonly Route<Pick<Ports, "status">>[] = [
    ...statusRoutes,
    ...others.map(({ stream: _stream, progress: _progress, ...route }) => ({ ...route, handle: notReady })),
  ];
  return serveSockets(runDir, routes, ports, { warn });
}
