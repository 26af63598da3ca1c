import type { OptionChange, OptionView } from "#agent/api/config-views.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Column, properties, table } from "#agent/cli/table.ts";

interface Options {
  readonly output: Format;
}

const columns: readonly Column<OptionView>[] = [
  { title: "NAME", value: (option) => option.name },
  { title: "VALUE", value: (option) => option.value },
  { title: "ORIGIN", value: (option) => option.origin, style: ({ start }) => (start ? "yellow" : undefined) },
  { title: "AT THE START", value: startText },
  { title: "LIVE", value: ({ live }) => (live ? "yes" : "no") },
];

const precedence = `
A value that was set live goes before flag, environment, file and default, and is kept over restarts
of the agent, until \`weir config unset NAME\`. What can be set live: enforcement, cidr-matches-pods, audit, pod-cidr.`;

export const register: Register = (program, cli) => {
  const config = program
    .command("config")
    .description("the agent's options, and those that can be set live")
    .addHelpText("after", precedence);
  config
    .command("get")
    .description("options, where each was said, and what the agent was started with where another value was set live")
    .argument("[name]", "only this one: enforcement")
    .addOption(outputOption())
    .action(async (name: string | undefined, { output }: Options, command) => {
      const options = await cli.client(command).config();
      if (name === undefined) return cli.show(output, options, (rows) => table(rows, columns, cli.paint));
      const found = options.find((option) => option.name === name);
      if (!found) {
        const names = options.map((option) => option.name).join(", ");
        throw new CliError(ExitCode.notFound, `there is no option ${name}; there are ${names}`);
      }
      return cli.show(output, found, (option) => optionText(option, cli));
    });
  config
    .command("set")
    .description("set an option live: at once, for all pods together, and over restarts")
    .argument("<name>", "enforcement, cidr-matches-pods, audit or pod-cidr")
    .argument("<value>", "as the agent's flag takes it; of audit true or false")
    .addOption(outputOption())
    .addHelpText("after", precedence)
    .action(async (name: string, value: string, { output }: Options, command) => {
      await showChange(cli, output, await cli.client(command).changeConfig({ [name]: value }));
    });
  config
    .command("unset")
    .description("take back what was set live: what the agent was started with counts again")
    .argument("<name>", "enforcement, cidr-matches-pods, audit or pod-cidr")
    .addOption(outputOption())
    .action(async (name: string, { output }: Options, command) => {
      await showChange(cli, output, await cli.client(command).changeConfig({ [name]: null }));
    });
};

function optionText(option: OptionView, cli: Cli): string {
  const { name, value, origin, live } = option;
  return properties(
    [
      ["Name", name],
      ["Value", value],
      ["Origin", origin],
      ["At the start", startText(option)],
      ["Live", live ? "yes" : "no"],
    ],
    cli.paint,
  );
}

/** `default (WEIR_ENFORCEMENT)` */
function startText({ start }: OptionView): string | null {
  return start && (start.origin === "default" ? `${start.value}, by default` : `${start.value} (${start.origin})`);
}

async function showChange(cli: Cli, output: Format, change: OptionChange): Promise<void> {
  await cli.show(output, change, ({ options, revision }) =>
    [
      ...options.map(({ name, value, origin }) => `${name} is ${value} (${origin})\n`),
      `revision ${revision} is in force\n`,
    ].join(""),
  );
}
