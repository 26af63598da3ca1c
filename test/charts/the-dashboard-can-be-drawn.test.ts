import { writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { promtool } from "#test/support/promtool.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { dashboard, queries } from "./charts.ts";

beforeEach(needs("promtool"));

test("Prometheus takes every query", async () => {
  using folder = new TemporaryFolder();
  const rules = queries.map((expr, index) => ({
    record: `query:${index}`,
    expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"),
  }));
  writeFileSync(folder.join("queries.yaml"), stringify({ groups: [{ name: "dashboard", rules }] }));
  const { code, stdout } = await promtool(["check", "rules", folder.join("queries.yaml")]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`${rules.length} rules found`) as string });
});

test("panels have numbers of their own, and none lies on another or beside the grid", () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { gridPos: a, title } of panels) {
    expect([title, a.x + a.w <= 24]).toEqual([title, true]);
    const over = panels.filter(
      ({ gridPos: b }) => b !== a && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h,
    );
    expect(over.map((other) => `${title} over ${other.title}`)).toEqual([]);
  }
});
