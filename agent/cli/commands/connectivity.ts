import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { Progress } from "#agent/cli/progress.ts";
import { type Column, table } from "#agent/cli/table.ts";
import { listOf, pattern } from "#agent/cli/values.ts";

interface Options {
  readonly local?: boolean;
  readonly test?: RegExp;
  readonly group?: readonly string[];
  readonly list?: boolean;
  readonly output: Format;
}

type Tests = typeof import("#agent/local/connectivity/run.ts");
type Group = Tests["groups"][number];
type ScenarioResult = Awaited<ReturnType<Tests["runConnectivityTest"]>>["results"][number];

const text = (value: string): string => value;

interface Listed {
  readonly name: string;
  readonly group: string;
  readonly sends: string;
  readonly expected: string;
}

const listColumns: readonly Column<Listed>[] = [
  { title: "GROUP", value: ({ group }) => group },
  { title: "NAME", value: ({ name }) => name },
  { title: "EXPECTED", value: ({ expected }) => expected },
];

const resultColumns: readonly Column<ScenarioResult>[] = [
  { title: "RESULT", value: ({ ok }) => (ok ? "ok" : "failed"), style: ({ ok }) => (ok ? "green" : "red") },
  { title: "GROUP", value: ({ group }) => group },
  { title: "NAME", value: ({ name }) => name },
  { title: "SEEN", value: ({ seen }) => seen },
  { title: "MS", value: ({ milliseconds }) => milliseconds },
];

function listed(groups: readonly Group[]): Listed[] {
  return groups.flatMap(({ name: group, scenarios }) =>
    scenarios.map(({ name, sends, expected }) => ({ name, group, sends, expected })),
  );
}

export const register: Register = (program, cli) => {
  const connectivity = program
    .command("connectivity")
    .description("real traffic, compared with what has to become of it");
  connectivity
    .command("test")
    .description(
      "add pods, policies and a machine beyond the node, send real traffic, compare verdicts and rules; all of it is gone afterwards",
    )
    .option("--local", "on a node of the test's own, in a network namespace; without: on the agent's node")
    .option("--test <regex>", "only scenarios whose `GROUP: NAME` it is found in", pattern)
    .option("--group <name>", "only scenarios of these groups", listOf(text))
    .option("--list", "tell what there is, and do nothing")
    .addOption(outputOption())
    .action(async ({ local = false, test, group = [], list = false, output }: Options, command) => {
      const { groups, runConnectivityTest, selectScenarios } = await import("#agent/local/connectivity/run.ts");
      const unknown = group.filter((name) => !groups.some((one) => one.name === name));
      if (unknown.length > 0) {
        const known = groups.map(({ name }) => name).join(", ");
        throw new CliError(ExitCode.usage, `there is no group ${unknown.join(", ")}; there are ${known}`);
      }
      const selected = selectScenarios({ groups: group, ...(test === undefined ? {} : { test }) });
      if (selected.length === 0) throw new CliError(ExitCode.usage, "no scenario is selected; --list names them all");
      if (list) return cli.show(output, listed(selected), (rows) => table(rows, listColumns, cli.paint));
      // Who interrupts it does not know.
      cli.exitCode = ExitCode.failed;
      const progress = new Progress(cli.io.stderr, "testing");
      const { results, leftOut } = await runConnectivityTest({
        runDir: local ? null : cli.runDir(command),
        groups: selected,
        signal: cli.io.signal,
        onResult: (done, of) => progress.show(done, of),
      }).finally(() => progress.clear());
      await cli.show(output, results, (rows) => table(rows, resultColumns, cli.paint));
      for (const reason of leftOut) cli.remark(`left out: ${reason}`);
      const failed = results.filter(({ ok }) => !ok);
      for (const { group: where, name, why } of failed) cli.remark(`${where}: ${name}: ${why}`);
      cli.exitCode = ExitCode.fine;
      if (failed.length > 0)
        throw new CliError(ExitCode.failed, `${failed.length} of ${results.length} scenarios failed`);
      cli.remark(`${results.length} scenarios, all as expected`);
    });
};
