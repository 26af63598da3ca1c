import type { MapDifference, Verification } from "#agent/api/policy-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Column, type Paint, table } from "#agent/cli/table.ts";
import { endpointNames, endpointNumber } from "#agent/cli/values.ts";

const columns: readonly Column<MapDifference>[] = [
  { title: "MAP", value: (difference) => difference.map },
  { title: "ENDPOINTS", value: ({ endpoints }) => endpointNames(endpoints) || "-" },
  { title: "WHAT", value: (difference) => difference.what },
  { title: "EXPECTED", value: (difference) => difference.expected ?? "nothing", style: () => "green" },
  { title: "FOUND", value: (difference) => difference.found ?? "nothing", style: () => "red" },
  { title: "RULES", value: ({ rules }) => rules.join(", ") || "-" },
];

/** `verify`: whether the kernel's maps are what the policy in force makes them. */
export const registerVerification: Register = (policy, cli) => {
  policy
    .command("verify")
    .description("compare the kernel's maps with the policy in force, and every class of traffic with the oracle")
    .argument("[endpoint]", "number of the endpoint, or host; without one, all", endpointNumber)
    .addOption(outputOption())
    .action(async (endpoint: number | undefined, { output }: { output: Format }, command) => {
      const request = endpoint === undefined ? {} : { endpoint };
      const verification = await cli.client(command).verifyPolicy(request, cli.io.signal);
      if (verification.state === "different") cli.exitCode = ExitCode.failed;
      await cli.show(output, verification, (value) => verificationText(value, cli.paint));
    });
};

function verificationText(verification: Verification, paint: Paint): string {
  const { state, revision, endpoints, entries, classes, excluded, differences, more } = verification;
  const left = excluded === 0 ? "" : `, ${count(excluded, "class", "classes")} left out`;
  const looked = [
    count(endpoints, "endpoint"),
    count(entries, "entry", "entries"),
    count(classes, "class of traffic", "classes of traffic"),
  ];
  const summary = `${state} at revision ${revision}: ${looked.join(", ")}${left}\n`;
  if (state === "equal") return summary;
  const rest = more === 0 ? "" : `and ${count(more, "more difference")}\n`;
  return `${table(differences, columns, paint)}${rest}${summary}`;
}

function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}
