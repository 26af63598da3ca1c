import type { PrefilterChange, PrefilterView } from "#agent/api/prefilter-views.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { properties, table } from "#agent/cli/table.ts";
import { readDocument } from "#agent/cli/values.ts";

interface Options {
  readonly output: Format;
  readonly file?: string;
}

const about = `
What comes by a device of the node from a listed address is dropped before anything else is asked, policy
included; only ARP and neighbour discovery go on. The list is kept over restarts of the agent. Ranges that hold an address of the node, or of its
pods, are refused.`;

export const register: Register = (program, cli) => {
  const prefilter = program
    .command("prefilter")
    .description("addresses that the node's devices take nothing from")
    .addHelpText("after", about);
  prefilter
    .command("list")
    .description("the ranges, the devices that drop them, and how much they have dropped")
    .addOption(outputOption())
    .action(async ({ output }: Options, command) => {
      await cli.show(output, await cli.client(command).prefilter(), (view) => viewText(view, cli));
    });
  prefilter
    .command("add")
    .description("add addresses or ranges: 198.51.100.0/24, 2001:db8::7")
    .argument("[cidr...]")
    .option("-f, --file <file>", "a file with one on each line, # before remarks; - is standard input")
    .addOption(outputOption())
    .action(async (texts: string[], options: Options, command) => {
      const prefixes = await named(cli, texts, options);
      await showChange(cli, options.output, "added", await cli.client(command).addToPrefilter({ prefixes }));
    });
  prefilter
    .command("delete")
    .description("take addresses or ranges out, as `list` shows them")
    .argument("[cidr...]")
    .option("-f, --file <file>", "a file with one on each line, # before remarks; - is standard input")
    .addOption(outputOption())
    .action(async (texts: string[], options: Options, command) => {
      const prefixes = await named(cli, texts, options);
      await showChange(cli, options.output, "deleted", await cli.client(command).deleteFromPrefilter({ prefixes }));
    });
};

/** What the arguments and the file name together. */
async function named(cli: Cli, texts: readonly string[], { file }: Options): Promise<string[]> {
  const lines = file === undefined ? [] : (await readDocument(cli, file)).text.split("\n");
  const listed = lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
  const all = [...texts, ...listed];
  if (all.length === 0) throw new CliError(ExitCode.usage, "no address or range is named");
  return all;
}

function viewText({ prefixes, devices, packets, bytes }: PrefilterView, cli: Cli): string {
  const summary = properties(
    [
      ["Devices", devices.map(({ name, hook }) => `${name} (${hook})`).join(", ") || "none"],
      ["Dropped", `${packets} packets, ${bytes} bytes`],
    ],
    cli.paint,
  );
  return `${summary}\n${table(prefixes, [{ title: "RANGE", value: (prefix) => prefix }], cli.paint)}`;
}

async function showChange(cli: Cli, output: Format, done: string, change: PrefilterChange): Promise<void> {
  await cli.show(output, change, ({ prefixes }) => prefixes.map((prefix) => `${prefix} ${done}\n`).join(""));
}
