import type { AddressView } from "#agent/api/address-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { type Column, labelText, table } from "#agent/cli/table.ts";

const columns: readonly Column<AddressView>[] = [
  { title: "PREFIX", value: (entry) => entry.prefix },
  { title: "IDENTITY", value: (entry) => entry.identity },
  { title: "CLASS", value: (entry) => entry.addressClass || "-" },
  { title: "SOURCE", value: (entry) => entry.source },
  { title: "OWNER", value: (entry) => entry.pod ?? entry.node ?? (entry.names.join(", ") || null) },
  { title: "LABELS", value: (entry) => labelText(entry.labels) },
];

export const register: Register = (program, cli) => {
  program
    .command("ip")
    .description("every address that is known, and whose it is")
    .command("list")
    .description(
      "the prefixes of the ipcache, with who has said whose they are; of one address, weir why-unknown says more",
    )
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      await cli.show(output, await cli.client(command).addresses(), (rows) => table(rows, columns, cli.paint));
    });
};
