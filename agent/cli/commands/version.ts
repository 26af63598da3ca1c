import { version } from "#agent/api/version.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";

export const register: Register = (program, cli) => {
  program
    .command("version")
    .description("the version of this program")
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }) => {
      await cli.show(
        output,
        { version, node: process.version },
        (value) => `weir ${value.version}, Node.js ${value.node}\n`,
      );
    });
};
