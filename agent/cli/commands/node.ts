import type { NodeView } from "#agent/api/address-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { type Column, labelText, table } from "#agent/cli/table.ts";

const columns: readonly Column<NodeView>[] = [
  { title: "NAME", value: ({ name, own }) => (own ? `${name} (this one)` : name) },
  { title: "ADDRESSES", value: (node) => node.addresses.join(",") || "-" },
  { title: "POD RANGES", value: (node) => node.podCidrs.join(",") || "-" },
  { title: "LABELS", value: (node) => labelText(node.labels) },
  { title: "PLACE", value: ({ file, line }) => (line === null ? file : `${file}:${line}`) },
];

export const register: Register = (program, cli) => {
  program
    .command("node")
    .description("this node, and those that objects speak of")
    .command("list")
    .description("all nodes that are known, with their addresses")
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      await cli.show(output, await cli.client(command).nodes(), (rows) => table(rows, columns, cli.paint));
    });
};
