import type { Command } from "commander";
import type { BpfPolicyEntry } from "#agent/api/bpf-views.ts";
import type { BpfListings, BpfTables } from "#agent/api/client.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { registerMap, registerRaw } from "#agent/cli/commands/bpf-map.ts";
import { registerTables } from "#agent/cli/commands/bpf-tables.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Column, table } from "#agent/cli/table.ts";
import { bitRate, endpointNames, endpointNumber, numberBetween, oneOf, wholeNumber } from "#agent/cli/values.ts";

const protocolNames: Readonly<Record<number, string>> = {
  0: "any",
  1: "ICMP",
  6: "TCP",
  17: "UDP",
  58: "ICMPv6",
  132: "SCTP",
};

/** What is listed whole. */
type ListName = Exclude<keyof BpfListings, keyof BpfTables>;

/** Columns of each listing, by its name in the API. */
const columns: { readonly [Name in ListName]: readonly Column<BpfListings[Name]>[] } = {
  policy: [
    { title: "SLOT", value: (entry) => entry.slot },
    { title: "ENDPOINTS", value: (entry) => endpointNames(entry.endpoints) || "-" },
    { title: "DIRECTION", value: (entry) => entry.direction },
    { title: "PEER", value: (entry) => (entry.peer === 0 ? "any" : String(entry.peer)) },
    { title: "PROTOCOL", value: (entry) => protocolNames[entry.protocol] ?? String(entry.protocol) },
    { title: "PORT", value: ({ port, portBits }) => portText(port, portBits) },
    {
      title: "VERDICT",
      value: (entry) => entry.verdict,
      style: (entry) => (entry.verdict === "allow" ? "green" : "red"),
    },
    { title: "PRECEDENCE", value: (entry) => entry.precedence },
    { title: "RULE", value: (entry) => entry.rule },
    { title: "LIMIT", value: (entry) => entry.limit || "-" },
    { title: "UNTIL", value: (entry) => entry.notAfter ?? "-" },
    { title: "BELOW", value: ({ below }) => (below ? `${below.verdict} ${below.precedence} ${below.rule}` : "-") },
  ],
  ipcache: [
    { title: "PREFIX", value: (entry) => entry.prefix },
    { title: "IDENTITY", value: (entry) => entry.identity },
    { title: "CLASS", value: (entry) => entry.addressClass },
  ],
  counters: [
    { title: "REASON", value: (entry) => entry.reason },
    { title: "CODE", value: (entry) => entry.reasonCode },
    { title: "DIRECTION", value: (entry) => entry.direction },
    { title: "HOOK", value: (entry) => entry.hook },
    { title: "PACKETS", value: (entry) => entry.packets },
    { title: "BYTES", value: (entry) => entry.bytes },
    { title: "PLACE", value: ({ file, line }) => (file === null ? null : `${file}:${line}`) },
  ],
  links: [
    { title: "INTERFACE", value: (entry) => entry.interface },
    { title: "HOOK", value: (entry) => entry.hook },
    { title: "ATTACH", value: (entry) => entry.attach },
    { title: "PROGRAM", value: (entry) => entry.program },
    { title: "ID", value: (entry) => entry.programId },
    { title: "TAG", value: (entry) => entry.tag },
  ],
  endpoints: [
    { title: "ADDRESS", value: (entry) => entry.address },
    { title: "ID", value: (entry) => endpointNames([entry.id]) },
    { title: "IDENTITY", value: (entry) => entry.identity },
    { title: "IFINDEX", value: (entry) => entry.ifindex },
    { title: "INCARNATION", value: (entry) => entry.incarnation },
    { title: "SLOTS", value: (entry) => entry.policy.join("/") },
    { title: "MAC", value: (entry) => entry.mac },
    { title: "HOST MAC", value: (entry) => entry.hostMac },
  ],
  bandwidth: [
    { title: "ENDPOINT", value: (entry) => entry.endpoint },
    { title: "DIRECTION", value: (entry) => entry.direction },
    { title: "RATE", value: (entry) => bitRate(entry.rate) },
    { title: "BURST", value: (entry) => `${entry.burst}ms` },
    { title: "DROPPED PACKETS", value: (entry) => entry.droppedPackets },
    { title: "DROPPED BYTES", value: (entry) => entry.droppedBytes },
  ],
};

/** What a word lists, and the maps behind it. */
interface Listing<Name extends ListName = ListName> {
  readonly name: Name;
  readonly maps: readonly string[];
  readonly description: string;
  /** What `get` is asked for, and which entries that means. */
  readonly key: string;
  readonly matches: (entry: BpfListings[Name], word: string) => boolean;
}

const listings = [
  listing({
    name: "counters",
    maps: ["counters", "forwarded"],
    description: "packets and bytes, by drop reason",
    key: "reason",
    matches: ({ reason, reasonCode }, word) => reason === word.toUpperCase() || String(reasonCode) === word,
  }),
  listing({
    name: "links",
    maps: [],
    description: "our programs, and where they stand",
    key: "interface",
    matches: (entry, word) => entry.interface === word,
  }),
  listing({
    name: "endpoints",
    maps: ["endpoints", "interfaces"],
    description: "addresses of this node's pods, and its own where policies select it",
    key: "address|id",
    matches: ({ address, id }, word) => address === word || endpointNames([id]) === word,
  }),
  listing({
    name: "bandwidth",
    maps: ["bandwidths"],
    description: "what pods may send and receive, and what came too fast",
    key: "endpoint",
    matches: ({ endpoint }, word) => String(endpoint) === word,
  }),
];

export const register: Register = (program, cli) => {
  const bpf = program.command("bpf").description("what the kernel's maps hold, decoded");
  registerMap(bpf, cli);
  registerPolicy(bpf, cli);
  registerTables(bpf, cli);
  registerIpcache(bpf, cli);
  for (const add of listings) add(bpf, cli);
};

function registerPolicy(bpf: Command, cli: Cli): void {
  const policy = bpf.command("policy").description("entries of the policy slots");
  addList(policy, cli, "policy", "all entries");
  policy
    .command("get")
    .description("what judges an endpoint; of a peer, a protocol and a port the entries that are looked at")
    .argument("<endpoint>", "number of the endpoint; host: the node itself", endpointNumber)
    .option("--direction <direction>", "ingress or egress", oneOf("ingress", "egress"))
    .option("--peer <number>", "identity or address class", wholeNumber)
    .option("--protocol <number>", "IP protocol number, or TCP, UDP, SCTP, ICMP, ICMPv6", protocolNumber)
    .option("--port <number>", "of the destination; ICMP: the type", numberBetween(0, 65_535))
    .addOption(outputOption())
    .action(async (endpoint: number, { output, ...question }: PolicyQuestion & OutputOptions, command: Command) => {
      const entries = await cli.client(command).bpf("policy");
      const found = entries.filter((entry) => entry.endpoints.includes(endpoint) && isAsked(entry, question));
      if (found.length === 0) throw notFound(`entry that judges endpoint ${endpointNames([endpoint])} so`);
      await show(cli, output, "policy", found);
    });
  registerRaw(policy, cli, ["policy"]);
}

function registerIpcache(bpf: Command, cli: Cli): void {
  const ipcache = bpf.command("ipcache").description("who is behind an address");
  addList(ipcache, cli, "ipcache", "all prefixes");
  ipcache
    .command("get")
    .description("the longest prefix that covers an address")
    .argument("<address>")
    .addOption(outputOption())
    .action(async (address: string, { output }: OutputOptions, command: Command) => {
      const entry = await cli.client(command).ipcacheOf(address);
      await cli.show(output, entry, (one) => table([one], columns.ipcache, cli.paint));
    });
  registerRaw(ipcache, cli, ["ipcache"]);
}

interface OutputOptions {
  readonly output: Format;
}

interface PolicyQuestion {
  readonly direction?: "ingress" | "egress";
  readonly peer?: number;
  readonly protocol?: number;
  readonly port?: number;
}

/** Whether an entry is among those that packets like these find. */
function isAsked(entry: BpfPolicyEntry, { direction, peer, protocol, port }: PolicyQuestion): boolean {
  return (
    (direction === undefined || entry.direction === direction) &&
    (peer === undefined || entry.peer === 0 || entry.peer === peer) &&
    (protocol === undefined || entry.protocol === 0 || entry.protocol === protocol) &&
    (port === undefined || entry.port >> (16 - entry.portBits) === port >> (16 - entry.portBits))
  );
}

/** Adds a word with all that it can do. */
function listing<Name extends ListName>(about: Listing<Name>): (bpf: Command, cli: Cli) => void {
  const { name, maps, description, key, matches } = about;
  return (bpf, cli) => {
    const word = bpf.command(name).description(description);
    addList(word, cli, name, "all of them");
    word
      .command("get")
      .description(`those of one ${key.replace("|", " or ")}`)
      .argument(`<${key}>`)
      .addOption(outputOption())
      .action(async (wanted: string, { output }: OutputOptions, command: Command) => {
        const found = (await cli.client(command).bpf(name)).filter((entry) => matches(entry, wanted));
        if (found.length === 0) throw notFound(`${name} entry of ${wanted}`);
        await show(cli, output, name, found);
      });
    if (maps.length > 0) registerRaw(word, cli, maps);
  };
}

function addList(word: Command, cli: Cli, name: ListName, description: string): void {
  word
    .command("list")
    .description(description)
    .addOption(outputOption())
    .action(async ({ output }: OutputOptions, command: Command) => {
      await show(cli, output, name, await cli.client(command).bpf(name));
    });
}

function show<Name extends ListName>(
  cli: Cli,
  output: Format,
  name: Name,
  entries: readonly BpfListings[Name][],
): Promise<void> {
  return cli.show(output, entries, (rows) =>
    table(rows, columns[name] as readonly Column<BpfListings[Name]>[], cli.paint),
  );
}

function notFound(what: string): CliError {
  return new CliError(ExitCode.notFound, `there is no ${what}`);
}

/** `80`, `8080-8095` for a shorter prefix, `any`. */
function portText(port: number, bits: number): string {
  if (bits === 0) return "any";
  return bits === 16 ? String(port) : `${port}-${port + 2 ** (16 - bits) - 1}`;
}

function protocolNumber(text: string): number {
  const named = Object.entries(protocolNames).find(([, name]) => name.toLowerCase() === text.toLowerCase());
  return named ? Number(named[0]) : numberBetween(0, 255)(text);
}
