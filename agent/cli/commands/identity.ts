import type { IdentityView } from "#agent/api/views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Column, labelText, properties, table } from "#agent/cli/table.ts";

interface Options {
  readonly output: Format;
}

const columns: readonly Column<IdentityView>[] = [
  { title: "ID", value: (identity) => identity.id },
  { title: "SCOPE", value: (identity) => identity.scope },
  { title: "LABELS", value: (identity) => labelText(identity.labels) },
];

export const register: Register = (program, cli) => {
  const identity = program.command("identity").description("numbers and the labels they stand for");
  identity
    .command("list")
    .description("all identities that this node knows")
    .addOption(outputOption())
    .action(async ({ output }: Options, command) => {
      await cli.show(output, await cli.client(command).identities(), (rows) => table(rows, columns, cli.paint));
    });
  identity
    .command("get")
    .description("one identity, by its number or by labels")
    .argument("<id|labels>", "20481, or app=web,io.kubernetes.pod.namespace=shop")
    .addOption(outputOption())
    .action(async (wanted: string, { output }: Options, command) => {
      const client = cli.client(command);
      const found = /^\d+$/.test(wanted)
        ? await client.identity(Number(wanted))
        : byLabels(await client.identities(), wanted);
      await cli.show(output, found, ({ id, scope, labels }) =>
        properties(
          [
            ["Id", id],
            ["Scope", scope],
            ["Labels", labelText(labels).replaceAll(",", "\n")],
          ],
          cli.paint,
        ),
      );
    });
};

/** The identity with exactly these labels; failing that, the only one that has them among others. */
function byLabels(identities: readonly IdentityView[], text: string): IdentityView {
  const wanted = text.split(",").map((label) => label.split(/=(.*)/s, 2) as [string, string | undefined]);
  const having = identities.filter(({ labels }) => wanted.every(([key, value = ""]) => labels[key] === value));
  const [first, second] = having.toSorted((a, b) => Object.keys(a.labels).length - Object.keys(b.labels).length);
  if (!first) throw new CliError(ExitCode.notFound, `no identity has the labels ${text}`);
  if (second && Object.keys(first.labels).length > wanted.length) {
    const ids = having.map(({ id }) => id);
    throw new CliError(
      ExitCode.usage,
      `${ids.length} identities have the labels ${text}: ${ids.join(", ")}; name more labels`,
    );
  }
  return first;
}
