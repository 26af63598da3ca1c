import type { PolicyView } from "#agent/api/policy-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { placeText } from "#agent/cli/rule-text.ts";
import { type Column, properties, table } from "#agent/cli/table.ts";
import { objectName } from "#agent/cli/values.ts";

const columns: readonly Column<PolicyView>[] = [
  { title: "KIND", value: (object) => object.kind },
  { title: "NAMESPACE", value: (object) => object.namespace || "-" },
  { title: "NAME", value: (object) => object.name },
  { title: "ORIGIN", value: (object) => object.origin },
  { title: "REVISION", value: (object) => object.revision },
  { title: "PLACE", value: placeText },
];

/** `list` and `get`: the objects in force. */
export const registerReading: Register = (policy, cli) => {
  policy
    .command("list")
    .description("the objects in force")
    .option("--kind <kind>", "only objects of this kind")
    .addOption(outputOption())
    .action(async ({ output, kind }: { output: Format; kind?: string }, command) => {
      const objects = await cli.client(command).policies();
      const wanted = kind === undefined ? objects : objects.filter((object) => object.kind === kind);
      await cli.show(output, wanted, (rows) => table(rows, columns, cli.paint));
    });
  policy
    .command("get")
    .description("an object in force, with its manifest")
    .argument("<name>", "KIND/NAMESPACE/NAME", objectName)
    .addOption(outputOption())
    .action(async (name: string, { output }: { output: Format }, command) => {
      const object = await cli.client(command).policy(name);
      await cli.show(output, object, async (value) => {
        const { stringify } = await import("yaml");
        return properties(
          [
            ["Object", `${value.kind}/${value.namespace}/${value.name}`],
            ["Origin", value.origin],
            ["Place", placeText(value)],
            ["Revision", value.revision],
            ["Manifest", value.manifest === null ? null : stringify(value.manifest).trimEnd()],
          ],
          cli.paint,
        );
      });
    });
};
