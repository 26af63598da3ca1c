import { Option } from "commander";
import type { Query } from "#agent/api/client.ts";
import { ClientError } from "#agent/api/client-error.ts";
import type { DatapathEvent } from "#agent/api/event-views.ts";
import type { FlowFilter } from "#agent/api/flow-filter.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { lostText } from "#agent/cli/lost-text.ts";
import { type Paint, printable } from "#agent/cli/table.ts";
import { endpointNumber, listOf, oneOf, wholeNumber } from "#agent/cli/values.ts";

interface Options {
  readonly type?: readonly string[];
  readonly from?: readonly number[];
  readonly to?: readonly number[];
  readonly relatedTo?: readonly number[];
  readonly last?: number;
  readonly kept?: true;
  readonly output: Format;
}

export const register: Register = (program, cli) => {
  const ids = listOf(endpointNumber);
  program
    .command("monitor")
    .description(
      "raw events of the datapath as they come, each with all that the kernel says; weir observe has their names",
    )
    .option(
      "-t, --type <type>",
      "drop (by other than policy), policy-verdict (what policy lets pass and what it drops) or trace",
      listOf(oneOf("drop", "policy-verdict", "trace")),
    )
    .option("--from <endpoint>", "sent by this endpoint, by its number", ids)
    .option("--to <endpoint>", "for this endpoint", ids)
    .option("--related-to <endpoint>", "sent by it or for it, and nothing else", ids)
    .addOption(new Option("--last <n>", "begin with the newest n of those kept").argParser(wholeNumber))
    .option("--kept", "those that are kept, and end")
    .addOption(outputOption(["table", "json"]))
    .action(async ({ type, from, to, relatedTo, last, kept, output }: Options, command) => {
      const filter: FlowFilter = { source_endpoint: from, destination_endpoint: to, endpoint: relatedTo };
      const query: Query = { type, last, follow: !kept, lost: true, whitelist: JSON.stringify(filter) };
      for await (const line of cli.client(command).events(query, cli.io.signal)) {
        if ("lost_events" in line) cli.remark(lostText(line, "events"));
        else await cli.write(output === "json" ? `${JSON.stringify(line)}\n` : eventLine(line, cli.paint));
      }
      if (!kept && !cli.io.signal.aborted) throw new ClientError("unreachable", "the agent has stopped");
    });
};

/** `2026-01-31T12:00:00.000000001Z  drop POLICY_DENIED  pod-egress if 33  10.0.0.7:40000 -> 10.0.0.8:5432 TCP SYN  ...` */
function eventLine(event: DatapathEvent, paint: Paint): string {
  const { type, reason, hook, ifindex, generation, length, file, line } = event;
  const kind = paint(reason === null ? "green" : "red", reason === null ? type : `${type} ${reason}`);
  const { source, destination } = event.ends;
  const parts = [
    event.time,
    kind,
    `${hook} if ${ifindex}`,
    `${packetText(event)} ${length} B${event.isReply ? " reply" : ""}`,
    `identity ${source.identity} -> ${destination.identity}`,
    `endpoint ${source.endpoint} -> ${destination.endpoint}`,
    `egress ${endText(source)}, ingress ${endText(destination)}`,
    `generation ${generation}`,
    ...(type === "trace" ? [connectionText(event)] : []),
    ...(file === null ? [] : [`${file}:${line}`]),
  ];
  return `${parts.map((part, index) => (index === 1 ? part : printable(part))).join("  ")}\n`;
}

const protocols: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP" };

function packetText(event: DatapathEvent): string {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, tcpFlags } = event;
  const name = protocols[protocol] ?? `protocol ${protocol}`;
  const isIcmp = protocol === 1 || protocol === 58;
  const at = (address: string | null, port: number): string => {
    const text = address?.includes(":") && !isIcmp ? `[${address}]` : (address ?? "?");
    return isIcmp || !(protocol in protocols) ? text : `${text}:${port}`;
  };
  const details = isIcmp ? ` type ${icmpType} code ${icmpCode}` : tcpFlags.length > 0 ? ` ${tcpFlags.join(",")}` : "";
  return `${at(source, sourcePort)} -> ${at(destination, destinationPort)} ${name}${details}`;
}

/** `allow by rule 5 (l3-l4)` */
function endText({ verdict, rules, match }: DatapathEvent["ends"]["source"]): string {
  const by = rules.length === 0 ? "" : ` by rule ${rules.join(",")}`;
  return verdict === "none" ? "not judged" : `${verdict}${by} (${match})`;
}

function connectionText({ packets, bytes, connection }: DatapathEvent): string {
  const counts = `packets ${packets.source}/${packets.destination}, bytes ${bytes.source}/${bytes.destination}`;
  return [counts, ...connection].join(" ");
}
