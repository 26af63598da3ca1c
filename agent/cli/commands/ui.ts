import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";

const after = `
The agent serves the page where --ui-address says, for browsers on its machine only. From another machine:
  ssh -L 9966:127.0.0.1:9966 NODE`;

export const register: Register = (program, cli) => {
  program
    .command("ui")
    .description("a link to the page of the agent: who talks to whom, flows, and what a policy would change; good once")
    .addHelpText("after", after)
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      await cli.show(output, await cli.client(command).pageLink(), ({ url }) => `${url}\n`);
    });
};
