import type { StagedView } from "#agent/api/policy-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { timeText } from "#agent/cli/flow-line.ts";
import { placeText } from "#agent/cli/rule-text.ts";
import { type Column, table } from "#agent/cli/table.ts";

const columns: readonly Column<StagedView>[] = [
  { title: "KIND", value: (item) => item.kind || "-" },
  { title: "NAMESPACE", value: (item) => item.namespace || "-" },
  { title: "NAME", value: (item) => item.name },
  { title: "RULE", value: (item) => item.rule },
  { title: "WOULD DENY", value: (item) => item.denied },
  { title: "WOULD ALLOW", value: (item) => item.allowed },
  { title: "WOULD REDIRECT", value: (item) => item.redirected },
  { title: "LAST", value: (item) => item.last && timeText(item.last) },
  { title: "PLACE", value: (item) => placeText(item) || "-" },
];

/** `staged`: what is only tried, and what it would have done. */
export const registerStaged: Register = (policy, cli) => {
  policy
    .command("staged")
    .description("what is staged, with the connections that it would have judged otherwise")
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      const staged = await cli.client(command).stagedPolicies();
      await cli.show(output, staged, (rows) => table(rows, columns, cli.paint));
    });
};
