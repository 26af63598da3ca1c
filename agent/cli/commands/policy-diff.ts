import type { Command } from "commander";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { diffText } from "#agent/cli/diff-text.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { Progress } from "#agent/cli/progress.ts";
import { readDocument } from "#agent/cli/values.ts";

interface Options {
  readonly candidate?: string;
  readonly objects?: string;
  readonly flows?: string;
  readonly promote?: boolean;
  readonly replace?: boolean;
  readonly output: Format;
}

/** `diff`: all traffic whose verdict changes. Ends with 1 where some does. */
export const registerDiff: Register = (policy, cli) => {
  policy
    .command("diff")
    .description("all traffic whose verdict a change of objects changes, with the rules that say so")
    .option("--candidate <file|folder>", "the objects as they are to be: in place of their namesakes, or beside others")
    .option("--replace", "the candidate's policies take the place of all others, too")
    .option("--promote", "as if everything staged were in force afterwards")
    .option("--objects <folder>", "compare with these files in place of what an agent has in force")
    .option("--flows <file>", "only traffic that was recorded, by weir observe -o json; - is standard input")
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const { candidate, objects, flows, output } = options;
      if (candidate === undefined && !options.promote) {
        throw new CliError(ExitCode.usage, "--candidate is missing: name a file or a folder, or ask with --promote");
      }
      if (candidate === "-" && flows === "-") {
        throw new CliError(ExitCode.usage, "standard input can be the candidate or the flows, not both");
      }
      const { diffObjects, isFolder } = await import("#agent/local/diff.ts");
      const isFolderCandidate = candidate !== undefined && (await isFolder(candidate));
      const progress = new Progress(cli.io.stderr, "comparing");
      const outcome = await diffObjects({
        before: objects === undefined ? await cli.client(command).policiesInForce() : { folder: objects },
        candidate:
          candidate === undefined
            ? null
            : isFolderCandidate
              ? { folder: candidate }
              : await readDocument(cli, candidate),
        flows: flows === "-" ? cli.io.stdin : (flows ?? null),
        replace: options.replace ?? false,
        promote: options.promote ?? false,
        at: Date.now(),
        progress: (done, of) => progress.show(done, of),
      }).finally(() => progress.clear());
      if (!outcome.ok) throw new CliError(ExitCode.usage, outcome.message);
      const { diff } = outcome;
      // A question with other policies left out cannot be put to `eval`.
      const asked = candidate !== undefined && candidate !== "-" && !options.replace;
      const question = { objects: objects ?? null, candidate: asked ? candidate : null };
      await cli.show(output, diff, (value) => diffText(value, question, cli.paint));
      if (diff.changes.length > 0) cli.exitCode = ExitCode.failed;
    });
};
