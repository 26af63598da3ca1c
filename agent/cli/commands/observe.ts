import type { FlowLine, LostFlows } from "#agent/api/flow.ts";
import type { Query } from "#agent/api/client.ts";
import { ClientError } from "#agent/api/client-error.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { flowLine } from "#agent/cli/flow-line.ts";
import { instant } from "#agent/cli/instant.ts";
import { listOf, numberBetween, oneOf, wholeNumber } from "#agent/cli/values.ts";

interface Options {
  readonly follow?: boolean;
  readonly last?: number;
  readonly verdict?: readonly string[];
  readonly pod?: readonly string[];
  readonly namespace?: readonly string[];
  readonly ip?: readonly string[];
  readonly port?: readonly number[];
  readonly protocol?: readonly string[];
  readonly direction?: readonly string[];
  readonly staged?: boolean;
  readonly since?: string;
  readonly output: Format;
}

const text = (value: string): string => value;

export const register: Register = (program, cli) => {
  program
    .command("observe")
    .description("flows, newest last; of several filters all must match, of a filter's values one")
    .option("-f, --follow", "go on with new flows")
    .option("--last <n>", "only the newest n of those kept", wholeNumber)
    .option("--verdict <verdict>", "FORWARDED, DROPPED or AUDIT", listOf(oneOf("FORWARDED", "DROPPED", "AUDIT")))
    .option("--pod <namespace/pod>", "at either end", listOf(text))
    .option("--namespace <name>", "of either end", listOf(text))
    .option("--ip <address|cidr>", "at either end", listOf(text))
    .option("--port <number>", "at either end", listOf(numberBetween(0, 65_535)))
    .option(
      "--protocol <name>",
      "TCP, UDP, SCTP, ICMPv4 or ICMPv6",
      listOf(oneOf("TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6")),
    )
    .option("--direction <direction>", "ingress or egress", listOf(oneOf("INGRESS", "EGRESS")))
    .option("--staged", "only what something staged would judge otherwise")
    .option("--since <when>", "5m, 2h, or an instant of RFC 3339", (value: string) => instant(value, Date.now()))
    .addOption(outputOption(["table", "json"]))
    .action(async ({ output, ...query }: Options, command) => {
      const lines = cli.client(command).flows({ ...query, lost: true } satisfies Query, cli.io.signal);
      for await (const line of lines) await showLine(cli, output, line);
      if (query.follow && !cli.io.signal.aborted) throw new ClientError("unreachable", "the agent has stopped");
    });
};

async function showLine(cli: Cli, output: Format, line: FlowLine): Promise<void> {
  if ("lost_events" in line) return cli.remark(lostText(line));
  await cli.write(output === "json" ? `${JSON.stringify(line)}\n` : flowLine(line, cli.paint));
}

function lostText({ lost_events: { source, num_events_lost: count } }: LostFlows): string {
  const where =
    source === "PERF_EVENT_RING_BUFFER" ? "the kernel's ring was full" : "the agent's ring went past this reader";
  return `${count} flows lost: ${where}`;
}
