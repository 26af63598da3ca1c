import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { Progress } from "#agent/cli/progress.ts";
import { type Column, table } from "#agent/cli/table.ts";

interface Options {
  readonly stateDir: string;
  readonly bpffs: string;
  readonly cniConfDir: string;
  readonly logFile?: string;
  readonly output: Format;
}

type Sysdump = typeof import("#agent/local/sysdump/sysdump.ts");
type PartOutcome = Awaited<ReturnType<Sysdump["sysdump"]>>["parts"][number];

const columns: readonly Column<PartOutcome>[] = [
  { title: "PART", value: ({ name }) => name },
  { title: "BYTES", value: ({ bytes }) => bytes },
  {
    title: "OUTCOME",
    value: ({ outcome }) => outcome,
    style: ({ outcome }) => (outcome === "failed" ? "red" : undefined),
  },
  { title: "NOTE", value: ({ note }) => note },
];

export const register: Register = (program, cli) => {
  const { environment } = cli.io;
  program
    .command("sysdump")
    .description(
      "write what is to be known of this node into a new archive, for whoever is to find out what is wrong; secrets are taken out",
    )
    .argument("<file>", "node.tar.gz; none of that name may be there")
    .option(
      "--state-dir <folder>",
      "of an agent that does not answer",
      environment["WEIR_STATE_DIR"] ?? "/var/lib/weir",
    )
    .option("--bpffs <folder>", "of an agent that does not answer", environment["WEIR_BPFFS"] ?? "/sys/fs/bpf")
    .option(
      "--cni-conf-dir <folder>",
      "of an agent that does not answer",
      environment["WEIR_CNI_CONF_DIR"] ?? "/etc/cni/net.d",
    )
    .option("--log-file <file>", "the agent's log, where it is not the file that the agent writes to")
    .addOption(outputOption())
    .action(async (file: string, { output, logFile, ...places }: Options, command) => {
      const { sysdump } = await import("#agent/local/sysdump/sysdump.ts");
      // Who interrupts it has no archive.
      cli.exitCode = ExitCode.failed;
      const progress = new Progress(cli.io.stderr, "collecting");
      const manifest = await sysdump({
        ...places,
        file,
        logFile: logFile ?? null,
        environment,
        runDir: cli.runDir(command),
        signal: cli.io.signal,
        onPart: (done, of) => progress.show(done, of),
      })
        .catch((error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST")
            throw new CliError(ExitCode.usage, `${file} is there already; name another file`);
          throw error;
        })
        .finally(() => progress.clear());
      cli.exitCode = ExitCode.fine;
      await cli.show(output, manifest, ({ parts }) => table(parts, columns, cli.paint));
      if (manifest.agent !== "answers") cli.remark(`without what an agent tells: ${manifest.agent}`);
      cli.remark(`${file} is written; look through it before you give it away`);
    });
};
