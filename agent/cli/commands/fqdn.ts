import type { NamedAddressView } from "#agent/api/name-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { type Column, table } from "#agent/cli/table.ts";

const columns: readonly Column<NamedAddressView>[] = [
  { title: "NAME", value: (entry) => entry.name },
  { title: "ADDRESS", value: (entry) => entry.address },
  { title: "EXPIRES", value: (entry) => entry.expires },
  { title: "SOURCE", value: (entry) => entry.source },
  { title: "ENDPOINTS", value: (entry) => entry.endpoints.join(", ") },
];

const about = `
Names come from DNS answers that pods get by way of the proxy: a rule with rules.dns has to allow the question. A name counts for as long as its answer says
(--dns-min-ttl of the agent at least) and 10 s more, and after that while a connection to the address lives (SOURCE connection). Rules with
toFQDNs speak of the addresses of names; those of pods, nodes and loopback devices are listed, but count for no rule.`;

export const register: Register = (program, cli) => {
  program
    .command("fqdn")
    .description("DNS names that pods have asked for")
    .addHelpText("after", about)
    .command("cache")
    .description("what DNS names stand for")
    .command("list")
    .description("each address of each name, and until when it counts")
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      await cli.show(output, await cli.client(command).names(), (rows) => table(rows, columns, cli.paint));
    });
};
