import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metricDefinitions } from "#agent/metrics/definitions.ts";
import { root } from "#test/architecture/source-tree.ts";

test("the README's table is every metric, with its type, labels and bound", () => {
  const readme = readFileSync(join(root, "agent/metrics/README.md"), "utf8");
  const rows = readme.split("\n").filter((line) => line.startsWith("| `weir_"));
  const wanted = Object.entries(metricDefinitions).map(([name, { type, labels, series, help }]) => {
    const labelText = labels.length === 0 ? "" : `\`${labels.join("`, `")}\``;
    return `| \`${name}\` | ${type} | ${labelText} | ${series} | ${help} |`.replace("|  |", "| |");
  });
  expect(rows).toEqual(wanted);
});
