import * as z from "zod";
import type { MetricsPort, Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { metricView } from "#agent/api/views.ts";

type Needs = Pick<Ports, "metrics">;
interface NeedsText {
  readonly metrics: Pick<MetricsPort, "text">;
}

/** What Prometheus asks for. The only route of `--metrics-address`. */
export const scrapeRoutes: readonly Route<NeedsText>[] = [
  route({
    method: "GET",
    path: "/metrics",
    summary: "Metrics in Prometheus' text format",
    response: z.string(),
    textType: "text/plain; version=0.0.4; charset=utf-8",
    handle: (_, { metrics }: NeedsText) => metrics.text(),
  }),
];

export const metricsRoutes: readonly Route<Needs>[] = [
  ...scrapeRoutes,
  route({
    method: "GET",
    path: "/v1/metrics",
    summary: "Metrics as JSON",
    response: z.array(metricView).readonly(),
    handle: (_, { metrics }: Needs) => metrics.list(),
  }),
];
