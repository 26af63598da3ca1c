import type { AddressReasons } from "#agent/api/address-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { ruleText } from "#agent/cli/rule-text.ts";
import { labelText, type Paint, properties } from "#agent/cli/table.ts";

export const register: Register = (program, cli) => {
  program
    .command("why-unknown")
    .description("why an address has the identity that it has; of one that nobody knows, what would make it known")
    .argument("<address>")
    .addOption(outputOption())
    .action(async (address: string, { output }: { output: Format }, command) => {
      const reasons = await cli.client(command).whyAddress(address);
      await cli.show(output, reasons, (value) => reasonsText(value, cli.paint));
    });
};

function reasonsText(reasons: AddressReasons, paint: Paint): string {
  const { kernel, agent, store, hops, rules, remedies } = reasons;
  return properties(
    [
      ["Address", reasons.address],
      ["Identity", `${reasons.identity}, ${labelText(reasons.labels)}`],
      ["Because", reasons.because],
      [
        "Kernel",
        kernel
          ? `${kernel.prefix}: identity ${kernel.identity}, class ${kernel.addressClass}`
          : "no prefix covers it: the world",
      ],
      ["Agent", agent ? `${agent.prefix}: identity ${agent.identity}` : "no prefix covers it: the world"],
      ...(reasons.agree
        ? []
        : ([
            [
              "Differs",
              "the kernel does not say yet what the agent wants: weir status tells of changes that were refused",
            ],
          ] as const)),
      ["Names", reasons.names.join(", ") || "no pod was told one by DNS"],
      [
        "Rules",
        rules.map((rule) => `${rule.cidr}: ${ruleText(rule)}`).join("\n") ||
          "none speaks of a range that covers it, or of a name",
      ],
      ["Revision", reasons.revision],
      ["Store", store ? `${store.kind}: ${store.key}, revision ${store.revision ?? "unknown"}` : "has nothing of it"],
      [
        "Hops",
        hops.map(({ time, stage, what }) => `${time ?? "-"} ${stage}: ${what}`).join("\n") || "none is remembered",
      ],
      ...(remedies.length === 0 ? [] : ([["To know it", remedies.join("\n")]] as const)),
    ],
    paint,
  );
}
