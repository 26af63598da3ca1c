import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { root } from "#test/architecture/source-tree.ts";

const folder = join(root, "charts/weir/files");
export const rulesPath = join(folder, "prometheus-rules.yaml");

const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(["info", "warning", "critical"]) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});

export const alerts = rules
  .parse(parse(readFileSync(rulesPath, "utf8")))
  .groups.flatMap((group) => group.rules);

const grid = z.object({ x: z.int(), y: z.int(), w: z.int().positive(), h: z.int().positive() });
const panel = z.object({
  id: z.int(),
  type: z.enum(["row", "timeseries"]),
  title: z.string(),
  gridPos: grid,
  targets: z.array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() })).optional(),
});

export const dashboard = z
  .object({
    title: z.string(),
    uid: z.string(),
    schemaVersion: z.int(),
    templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.unknown() })) }),
    panels: z.array(panel),
  })
  .parse(JSON.parse(readFileSync(join(folder, "grafana-dashboard.json"), "utf8")));

/** Every query of the dashboard. */
export const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
