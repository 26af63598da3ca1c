import type { PolicyChange } from "#agent/api/policy-views.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { numberBetween, objectName, readDocument, wholeNumber } from "#agent/cli/values.ts";

interface Options {
  readonly output: Format;
}

/** `apply`, `delete` and `wait`. */
export const registerChanges: Register = (policy, cli) => {
  policy
    .command("apply")
    .description("bring objects into force; they survive a restart of the agent")
    .argument("<file>", "YAML file; - is standard input")
    .addOption(outputOption())
    .action(async (path: string, { output }: Options, command) => {
      const document = await readDocument(cli, path);
      await showChange(cli, output, "applied", await cli.client(command).applyPolicy(document));
    });
  policy
    .command("delete")
    .description("take an applied object out of force")
    .argument("<name>", "KIND/NAMESPACE/NAME", objectName)
    .addOption(outputOption())
    .action(async (name: string, { output }: Options, command) => {
      await showChange(cli, output, "deleted", await cli.client(command).deletePolicy(name));
    });
  policy
    .command("wait")
    .description("wait until a revision is in force; without one, until all that was accepted by now is")
    .argument("[revision]", "the revision", wholeNumber)
    .option("--timeout <seconds>", "give up after so long", numberBetween(1, 86_400))
    .addOption(outputOption())
    .action(async (revision: number | undefined, options: Options & { timeout?: number }, command) => {
      const { timeout } = options;
      const limit = timeout === undefined ? [] : [AbortSignal.timeout(1000 * timeout)];
      const signal = AbortSignal.any([cli.io.signal, ...limit]);
      const result = await cli
        .client(command)
        .waitRevision(revision, signal)
        .catch((error: unknown) => {
          if (!signal.aborted || cli.io.signal.aborted) throw error;
          throw new CliError(ExitCode.failed, `revision ${revision ?? "of now"} is not in force after ${timeout} s`);
        });
      await cli.show(options.output, result, (value) => `revision ${value.revision} is in force\n`);
    });
};

async function showChange(cli: Cli, output: Format, done: string, change: PolicyChange): Promise<void> {
  await cli.show(output, change, ({ objects, revision }) =>
    [...objects.map((name) => `${done} ${name}\n`), `revision ${revision} is in force\n`].join(""),
  );
}
