import type { MetricView } from "#agent/api/views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { type Column, table } from "#agent/cli/table.ts";

const columns: readonly Column<MetricView>[] = [
  { title: "NAME", value: ({ name }) => name },
  { title: "LABELS", value: ({ labels }) => labelText(labels) },
  { title: "VALUE", value: ({ value }) => value },
];

export const register: Register = (program, cli) => {
  program
    .command("metrics")
    .description("what the agent counts, as Prometheus finds it at /metrics; the table leaves buckets out")
    .argument("[WORD...]", "only those whose name contains one of these")
    .addOption(outputOption())
    .action(async (words: readonly string[], { output }: { output: Format }, command) => {
      const all = await cli.client(command).metrics();
      const wanted = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
      await cli.show(output, wanted, (metrics) => table(metrics.filter(isNoBucket), columns, cli.paint));
    });
};

function isNoBucket({ type, name }: MetricView): boolean {
  return type !== "histogram" || !name.endsWith("_bucket");
}

/** `state=ready,kind="with space"` */
function labelText(labels: MetricView["labels"]): string | null {
  const parts = Object.entries(labels).map(([name, value]) => {
    return `${name}=${/^[\w./:-]+$/.test(value) ? value : JSON.stringify(value)}`;
  });
  return parts.length === 0 ? null : parts.join(",");
}
