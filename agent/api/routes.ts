import type { Ports } from "./ports.ts";
import type { Route } from "./route.ts";
import { addressRoutes } from "./routes/addresses.ts";
import { bpfRoutes } from "./routes/bpf.ts";
import { captureRoutes } from "./routes/captures.ts";
import { cniRoutes } from "./routes/cni.ts";
import { prefilterRoutes } from "./routes/prefilter.ts";
import { configRoutes } from "./routes/config.ts";
import { eventRoutes } from "./routes/events.ts";
import { endpointRoutes } from "./routes/endpoints.ts";
import { flowRoutes } from "./routes/flows.ts";
import { pageLinkRoutes } from "./routes/page.ts";
import { nameRoutes } from "./routes/names.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { openapiRoutes } from "./routes/openapi.ts";
import { policyRoutes } from "./routes/policies.ts";
import { statusRoutes } from "./routes/status.ts";
import { traceRoutes } from "./routes/trace.ts";
import { whatIfRoutes } from "./routes/what-if.ts";

/** Every route of `agent.sock`. */
export const allRoutes: readonly Route<Ports>[] = [
  ...cniRoutes,
  ...statusRoutes,
  ...metricsRoutes,
  ...configRoutes,
  ...endpointRoutes,
  ...policyRoutes,
  ...traceRoutes,
  ...whatIfRoutes,
  ...pageLinkRoutes,
  ...bpfRoutes,
  ...addressRoutes,
  ...nameRoutes,
  ...prefilterRoutes,
  ...flowRoutes,
  ...eventRoutes,
  ...captureRoutes,
  ...openapiRoutes,
];
