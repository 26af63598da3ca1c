import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { printable } from "#agent/cli/table.ts";
import { readDocument } from "#agent/cli/values.ts";

/** `validate`: needs no agent. */
export const registerValidation: Register = (policy, cli) => {
  policy
    .command("validate")
    .description("check files of policy objects; needs no agent")
    .argument("<file...>", "YAML files; - is standard input")
    .addOption(outputOption())
    .action(async (paths: readonly string[], { output }: { output: Format }) => {
      const { validateDocuments } = await import("#agent/local/validate.ts");
      const { formatLocatedError } = await import("#policy/parse/located-error.ts");
      const documents = await Promise.all(paths.map((path) => readDocument(cli, path)));
      const report = validateDocuments(documents);
      await cli.show(output, report, ({ errors, objects }) =>
        errors.length === 0
          ? `valid: ${countText(objects, "object")} in ${countText(documents.length, "file")}\n`
          : errors.map((error) => `${printable(formatLocatedError(error))}\n`).join(""),
      );
      if (report.errors.length > 0) throw new CliError(ExitCode.usage, countText(report.errors.length, "error"));
    });
};

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
