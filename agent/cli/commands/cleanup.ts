import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { table } from "#agent/cli/table.ts";

interface Options {
  readonly stateDir: string;
  readonly bpffs: string;
  readonly output: Format;
}

export const register: Register = (program, cli) => {
  const { environment } = cli.io;
  program
    .command("cleanup")
    .description(
      "remove every trace of an agent that does not run: its proxy, programs, maps, interfaces, CNI files, sockets, state",
    )
    .option("--state-dir <folder>", "the agent's records", environment["WEIR_STATE_DIR"] ?? "/var/lib/weir")
    .option("--bpffs <folder>", "where its maps are pinned", environment["WEIR_BPFFS"] ?? "/sys/fs/bpf")
    .addOption(outputOption())
    .action(async ({ stateDir, bpffs, output }: Options, command) => {
      const { cleanUp } = await import("#agent/local/cleanup.ts");
      const { removed, problems } = await cleanUp({ runDir: cli.runDir(command), stateDir, bpffs });
      await cli.show(output, removed, (rows) =>
        rows.length === 0
          ? "nothing was left to remove\n"
          : table(
              rows,
              [
                { title: "REMOVED", value: (row) => row.what },
                { title: "NAME", value: (row) => row.name },
              ],
              cli.paint,
            ),
      );
      for (const problem of problems) cli.remark(problem);
      if (problems.length > 0) throw new CliError(ExitCode.failed, `${problems.length} things are left`);
    });
};
