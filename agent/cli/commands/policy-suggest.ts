import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { oneOf } from "#agent/cli/values.ts";

interface Options {
  readonly flows: string;
  readonly objects?: string;
  readonly as: "kubernetes" | "cilium";
  readonly namespace?: string;
  readonly aggregate: boolean;
  readonly includeDenied: boolean;
}

/** `suggest`: policies for what was seen. YAML on standard output, what they do not say on standard error. */
export const registerSuggestion: Register = (policy, cli) => {
  policy
    .command("suggest")
    .description("the least policies that allow recorded flows, as YAML; needs no agent")
    .requiredOption("--flows <file>", "flows as `weir observe -o json` prints them; - is standard input")
    .option("--objects <folder>", "pods, namespaces and nodes; without it pods are known by the flows alone")
    .option("--as <language>", "kubernetes or cilium", oneOf("kubernetes", "cilium"), "kubernetes")
    .option("--namespace <name>", "only policies for the pods of this namespace")
    .option("--aggregate", "a range for several addresses of the world in one /24 or /64", false)
    .option("--include-denied", "allow also what was always dropped", false)
    .action(async ({ flows, objects, namespace, ...options }: Options) => {
      const { suggestFromFiles } = await import("#agent/local/suggest.ts");
      const outcome = await suggestFromFiles({
        ...options,
        ...(namespace !== undefined && { namespace }),
        flows: flows === "-" ? cli.io.stdin : flows,
        folder: objects ?? null,
      });
      if (!outcome.ok) throw new CliError(ExitCode.usage, outcome.message);
      await cli.write(outcome.yaml);
      for (const remark of outcome.remarks) cli.remark(remark);
    });
};
