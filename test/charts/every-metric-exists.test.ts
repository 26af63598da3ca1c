import { expect, test } from "vitest";
import { metricDefinitions } from "#agent/metrics/definitions.ts";
import { alerts, dashboard, queries } from "./charts.ts";

/** Names of series: those of a histogram have endings. */
const series = new Set(
  Object.entries(metricDefinitions).flatMap(([name, { type }]) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((ending) => name + ending) : [name],
  ),
);
const named = (text: string): string[] => text.match(/\bweir_\w+/g) ?? [];

test("every metric that an alert or the dashboard names exists", () => {
  const texts = [...alerts.map(({ expr }) => expr), ...queries, JSON.stringify(dashboard.templating)];
  expect(texts.map((text) => named(text).length).filter((count) => count === 0)).toEqual([]);
  expect(texts.flatMap(named).filter((name) => !series.has(name))).toEqual([]);
});

test("every label that they speak of is one of its metric's", () => {
  const labels = new Set(["instance", "le", ...Object.values(metricDefinitions).flatMap((metric) => metric.labels)]);
  const texts = [...alerts.map(({ expr }) => expr), ...queries];
  const spoken = texts.flatMap((text) => [
    ...[...text.matchAll(/by \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? "").split(", ")),
    ...[...text.matchAll(/[{,](\w+)=/g)].map((match) => match[1] ?? ""),
  ]);
  expect(spoken.filter((label) => !labels.has(label))).toEqual([]);
});

test("the dashboard shows every metric but these", () => {
  const shown = new Set(queries.flatMap(named).map((name) => name.replace(/_bucket$/, "")));
  const hidden = Object.keys(metricDefinitions).filter((name) => !shown.has(name));
  expect(hidden).toEqual([
    "weir_dropped_bytes_total",
    "weir_bandwidth_dropped_packets_total",
    "weir_tcp_resets_total",
    "weir_ipam_kept_addresses",
    "weir_ipam_pool_can_grow",
    "weir_process_start_time_seconds",
  ]);
});
