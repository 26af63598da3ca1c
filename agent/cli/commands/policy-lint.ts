import type { Command } from "commander";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { placeText, ruleText } from "#agent/cli/rule-text.ts";
import { type Paint, type Style, printable } from "#agent/cli/table.ts";
import { readDocument } from "#agent/cli/values.ts";

/** Only its shape: the engine is loaded when it is asked. */
type Finding = import("#policy/lint/finding.ts").Finding;

interface Options {
  readonly objects?: string;
  readonly output: Format;
}

/** `lint`: what an author of policies should look at. Ends with 1 where there is more than information. */
export const registerLint: Register = (policy, cli) => {
  policy
    .command("lint")
    .description("rules that never match or decide, select nothing, contradict, or open too much")
    .argument("[file...]", "YAML files to look at; - is standard input; without any, what an agent has in force")
    .option("--objects <folder>", "the objects around the files; without files, look at these")
    .addOption(outputOption())
    .action(async (paths: readonly string[], { objects, output }: Options, command: Command) => {
      const { lintObjects } = await import("#agent/local/lint.ts");
      const documents = await Promise.all(paths.map((path) => readDocument(cli, path)));
      const isAsked = objects === undefined && paths.length === 0;
      const around = isAsked
        ? await cli.client(command).policiesInForce()
        : objects === undefined
          ? null
          : { folder: objects };
      const outcome = await lintObjects({ around, documents, at: Date.now() });
      if (!outcome.ok) throw new CliError(ExitCode.usage, outcome.message);
      const { findings } = outcome;
      await cli.show(output, findings, (all) => reportText(all, cli.paint));
      if (findings.some(({ severity }) => severity !== "info")) cli.exitCode = ExitCode.failed;
    });
};

const styles: Readonly<Record<Finding["severity"], Style>> = { error: "red", warning: "yellow", info: "cyan" };

function reportText(findings: readonly Finding[], paint: Paint): string {
  const lines = findings.flatMap((finding) => {
    const { code, severity, message, related } = finding;
    const place = printable(placeText(finding));
    const what = printable(`${subjectText(finding)}: ${message}`);
    return [
      `${place}: ${paint(styles[severity], severity)}: ${what} [${code}]`,
      ...related.map((rule) => `    see ${printable(ruleText(rule))}`),
    ];
  });
  return [...lines, `${summaryText(findings)}\n`].join("\n");
}

function subjectText({ kind, namespace, name, rule }: Finding): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}${rule === "" ? "" : ` ${rule}`}`;
}

/** `1 error, 2 warnings, 3 remarks` */
function summaryText(findings: readonly Finding[]): string {
  const count = (severity: Finding["severity"], noun: string): string => {
    const number = findings.filter((finding) => finding.severity === severity).length;
    return `${number} ${noun}${number === 1 ? "" : "s"}`;
  };
  if (findings.length === 0) return "nothing to remark";
  return [count("error", "error"), count("warning", "warning"), count("info", "remark")].join(", ");
}
