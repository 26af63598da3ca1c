import type { Command } from "commander";
import type { BpfTupleQuery } from "#agent/api/bpf-views.ts";
import type { BpfTables } from "#agent/api/client.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import { registerRaw } from "#agent/cli/commands/bpf-map.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Column, table } from "#agent/cli/table.ts";
import { endpointNumber, type HostPort, hostPort, joinHostPort, oneOf } from "#agent/cli/values.ts";

interface Options {
  readonly endpoint?: number;
  readonly protocol?: string;
  readonly source?: HostPort;
  readonly destination?: HostPort;
  readonly output: Format;
}

/** Rows that are laid out together: a table is as long as the kernel's. */
const rowsAtOnce = 2000;

const protocol = oneOf("TCP", "UDP", "SCTP", "ICMP", "ICMPv6");

const columns: { readonly [Name in keyof BpfTables]: readonly Column<BpfTables[Name]>[] } = {
  conntrack: [
    { title: "PROTOCOL", value: (entry) => entry.protocol },
    { title: "SOURCE", value: (entry) => joinHostPort(entry.source, entry.sourcePort) },
    { title: "DESTINATION", value: (entry) => joinHostPort(entry.destination, entry.destinationPort) },
    { title: "EXPIRES", value: (entry) => `${Math.round(entry.expiresIn)}s` },
    { title: "GENERATION", value: (entry) => entry.generation },
    {
      title: "STATE",
      value: (entry) => entry.state,
      style: (entry) => (entry.state === "cut" ? "red" : undefined),
    },
    { title: "EGRESS", value: (entry) => entry.from.verdict },
    { title: "INGRESS", value: (entry) => entry.to.verdict },
    { title: "PACKETS", value: (entry) => `${entry.from.packets}/${entry.to.packets}` },
    { title: "BYTES", value: (entry) => `${entry.from.bytes}/${entry.to.bytes}` },
  ],
  nat: [
    { title: "PROTOCOL", value: (entry) => entry.protocol },
    { title: "SOURCE", value: (entry) => joinHostPort(entry.source, entry.sourcePort) },
    { title: "TRANSLATED", value: (entry) => joinHostPort(entry.translated, entry.translatedPort) },
    { title: "DESTINATION", value: (entry) => joinHostPort(entry.destination, entry.destinationPort) },
    { title: "EXPIRES", value: (entry) => `${Math.round(entry.expiresIn)}s` },
    { title: "STATE", value: (entry) => entry.state },
  ],
};

/** `weir bpf ct` and `weir bpf nat`. */
export function registerTables(bpf: Command, cli: Cli): void {
  const ct = bpf.command("ct").description("connections, with the verdicts that they keep");
  addCommands(ct, cli, "conntrack", {
    what: "connections",
    one: "connection",
    flush: "forget connections: what goes on by them is judged as if it began",
  });
  registerRaw(ct, cli, ["conntrack4", "conntrack6"]);
  const nat = bpf.command("nat").description("masqueraded flows, and as which address and port of the node's they go");
  addCommands(nat, cli, "nat", {
    what: "masqueraded flows",
    one: "masqueraded flow",
    flush: "forget masqueraded flows: what goes on by them may get another port, which cuts TCP",
  });
  registerRaw(nat, cli, ["nat4", "nat6"]);
}

function addCommands(
  word: Command,
  cli: Cli,
  name: keyof BpfTables,
  { what, one, flush }: { readonly what: string; readonly one: string; readonly flush: string },
): void {
  filtered(word.command("list"), `all ${what}, or those that match everything that is given`)
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      await writeAll(cli, options.output, name, cli.client(command).bpfTable(name, query(options)));
    });
  word
    .command("get")
    .description("one, by its ends in the direction in which it began; of an echo the identifier is the port")
    .argument("<protocol>", "TCP, UDP, SCTP, ICMP or ICMPv6", protocol)
    .argument("<source>", "10.0.0.7:4000, [fd00::7]:4000", hostPort)
    .argument("<destination>", "10.0.0.8:80", hostPort)
    .addOption(outputOption())
    .action(async (ip: string, source: HostPort, destination: HostPort, { output }: Options, command: Command) => {
      const entries = cli.client(command).bpfTable(name, query({ protocol: ip, source, destination, output }));
      const { value } = await entries.next();
      if (value === undefined) throw new CliError(ExitCode.notFound, `there is no such ${one}`);
      await entries.return(undefined);
      await cli.show(output, value as BpfTables[typeof name], (entry) => tableOf(cli, name, [entry]));
    });
  filtered(word.command("flush"), flush)
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const flushed = await cli.client(command).flushBpfTable(name, query(options));
      await cli.show(options.output, flushed, ({ entries }) => `${entries} entries removed\n`);
    });
}

function filtered(command: Command, description: string): Command {
  return command
    .description(description)
    .option("--endpoint <id>", "at either end", endpointNumber)
    .option("--protocol <name>", "TCP, UDP, SCTP, ICMP or ICMPv6", protocol)
    .option("--source <address[:port]>", "where it began: 10.0.0.7, 10.0.0.7:4000, [fd00::7]:4000", hostPort)
    .option("--destination <address[:port]>", "where it goes", hostPort);
}

function query({ endpoint, protocol: ip, source, destination }: Options): BpfTupleQuery {
  return {
    endpoint,
    protocol: ip,
    source: source?.address,
    sourcePort: source?.port,
    destination: destination?.address,
    destinationPort: destination?.port,
  };
}

/** Writes entries as they come; as JSON it is one list. */
async function writeAll<Name extends keyof BpfTables>(
  cli: Cli,
  output: Format,
  name: Name,
  entries: AsyncIterable<BpfTables[Name]>,
): Promise<void> {
  let rows: BpfTables[Name][] = [];
  let written = 0;
  const { stringify } = output === "yaml" ? await import("yaml") : { stringify: JSON.stringify };
  const write = async (): Promise<void> => {
    if (output === "json") {
      const texts = rows.map((row) => stringify(row));
      if (texts.length > 0) await cli.write(`${written === 0 ? "[" : ","}${texts.join(",")}`);
    } else if (output === "yaml") {
      if (rows.length > 0) await cli.write(stringify(rows));
    } else {
      const text = tableOf(cli, name, rows);
      await cli.write(written === 0 ? text : text.slice(text.indexOf("\n") + 1));
    }
    written += rows.length;
    rows = [];
  };
  for await (const entry of entries) if (rows.push(entry) === rowsAtOnce) await write();
  if (rows.length > 0 || written === 0) await write();
  if (output === "json") await cli.write(written === 0 ? "[]\n" : "]\n");
  if (output === "yaml" && written === 0) await cli.write("[]\n");
}

function tableOf<Name extends keyof BpfTables>(cli: Cli, name: Name, rows: readonly BpfTables[Name][]): string {
  return table(rows, columns[name] as readonly Column<BpfTables[Name]>[], cli.paint);
}
