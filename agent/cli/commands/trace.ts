import type { Trace, TraceDirection, TraceEntry, TraceRequest, TraceStep } from "#agent/api/trace-views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { isolationText, nearestText, ruleText } from "#agent/cli/rule-text.ts";
import { type Paint, printable } from "#agent/cli/table.ts";
import { listOf, numberBetween, oneOf } from "#agent/cli/values.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly protocol: TraceRequest["protocol"];
  readonly flags?: NonNullable<TraceRequest["flags"]>;
  readonly sourcePort?: number;
  readonly output: Format;
}

const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;

export const register: Register = (program, cli) => {
  program
    .command("trace")
    .description(
      "send a packet through the programs of this node, and see each look-up; it goes nowhere and leaves no trace",
    )
    .requiredOption("--from <pod|ip>", "who sends: NAMESPACE/POD of this node, or an address of the node or the world")
    .requiredOption("--to <pod|ip:port>", "to whom: NAMESPACE/POD:PORT, IP:PORT, [IPv6]:PORT; with ICMP without a port")
    .option(
      "--protocol <name>",
      "TCP, UDP, SCTP, or ICMP for an echo request",
      oneOf("TCP", "UDP", "SCTP", "ICMP"),
      "TCP",
    )
    .option("--flags <name...>", `of TCP: ${FLAGS.join(", ")} (default: SYN)`, listOf(oneOf(...FLAGS)))
    .option(
      "--source-port <number>",
      "that of a known connection, to see what becomes of that one (default: one by which none is known)",
      numberBetween(1, 65_535),
    )
    .addOption(outputOption())
    .action(async ({ from, to, protocol, flags, sourcePort, output }: Options, command) => {
      if (flags !== undefined && protocol !== "TCP") {
        throw new CliError(ExitCode.usage, `--flags: ${protocol} has none`);
      }
      const request: TraceRequest = {
        from,
        ...target(to, protocol),
        protocol,
        ...(flags === undefined ? {} : { flags }),
        ...(sourcePort === undefined ? {} : { sourcePort }),
      };
      const trace = await cli.client(command).trace(request);
      await cli.show(output, trace, (value) => traceText(value, cli.paint));
      if (trace.differences.length === 0) return;
      cli.remark(`the programs, the maps and the policy contradict each other:\n${trace.differences.join("\n")}`);
      cli.exitCode = ExitCode.failed;
    });
};

function target(text: string, protocol: Options["protocol"]): { to: string; port: number } {
  const isAddress = (host: string): boolean => host.includes(":");
  if (protocol === "ICMP") return { to: text.replace(/^\[(.*)\]$/, "$1"), port: 0 };
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]+)\]|(.+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined && Number(digits) > 65_535) {
    throw new CliError(ExitCode.usage, `--to: ${digits} in "${text}" is no port: they end with 65535`);
  }
  if (host === undefined) {
    throw new CliError(
      ExitCode.usage,
      `--to: "${text}" has no port: end it with a number, as in shop/db-0:5432 or 192.0.2.1:80`,
    );
  }
  if (plain !== undefined && isAddress(plain)) {
    throw new CliError(
      ExitCode.usage,
      `--to: where does the port begin in "${text}"? Put the address into brackets: [ADDRESS]:PORT`,
    );
  }
  return { to: host, port: Number(digits) };
}

function traceText(trace: Trace, paint: Paint): string {
  const { packet } = trace;
  const verdict = paint(trace.verdict === "allow" ? "green" : "red", trace.verdict.padEnd(8));
  const flags = packet.flags.length > 0 ? ` ${packet.flags.join(",")}` : "";
  const lines = [
    `packet   ${packet.protocol}${flags}  ${endText(packet.source, packet.sourcePort)} -> ${endText(packet.destination, packet.destinationPort)}`,
    `verdict  ${verdict}  ${printable(trace.outcome)}`,
    ...directionLines("egress", trace.egress),
    ...directionLines("ingress", trace.ingress),
  ];
  for (const step of trace.steps) lines.push("", ...stepLines(step, paint));
  return `${lines.join("\n")}\n`;
}

function endText(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function directionLines(name: string, direction: TraceDirection): string[] {
  const { verdict, by, nearest } = direction;
  const reasons = by.map(ruleText);
  if (by.length === 0) reasons.push(verdict === "deny" ? isolationText(direction) : "no policy applies");
  if (nearest) reasons.push(nearestText(nearest));
  const [first = "", ...rest] = reasons.map(printable);
  return [`${name.padEnd(7)}  ${verdict.padEnd(8)}  ${first}`, ...rest.map((reason) => `${" ".repeat(19)}${reason}`)];
}

const outcomeWords = { next: "goes on", redirect: "redirects it", drop: "drops it" } as const;

function stepLines({ program, interface: device, ifindex, outcome, stages }: TraceStep, paint: Paint): string[] {
  const where = device === null ? "" : ` at ${printable(device)} (${ifindex})`;
  const title = program
    ? `${program.name}${where}: ${outcomeWords[outcome]}  [program ${program.id ?? "not attached"}, tag ${program.tag}, returned ${program.returned}]`
    : "the node's stack";
  return [
    paint(outcome === "drop" ? ["bold", "red"] : "bold", title),
    ...stages.flatMap(({ stage, says, entries, rules = [] }) => [
      `  ${stage.padEnd(14)}  ${printable(says)}`,
      ...rules.map((rule) => `${" ".repeat(18)}${printable(ruleText(rule))}`),
      ...entries.map((entry) => `${" ".repeat(18)}${printable(entryText(entry))}`),
    ]),
  ];
}

/** `policy slot=3 peer=256: verdict=allow precedence=5` */
function entryText({ map, key, value }: TraceEntry): string {
  return `${map} ${fieldsText(key)}: ${value ? fieldsText(value) : "nothing"}`;
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
