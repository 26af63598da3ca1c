import type { Command } from "commander";
import type { BpfListings } from "#agent/api/client.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { registerMap, registerRaw } from "#agent/cli/commands/bpf-map.ts";
import { type Column, table } from "#agent/cli/table.ts";
import { bitRate, endpointNames } from "#agent/cli/values.ts";

const protocolNames: Readonly<Record<number, string>> = {
  0: "any",
  1: "ICMP",
  6: "TCP",
  17: "UDP",
  58: "ICMPv6",
  132: "SCTP",
};

/** Columns of each listing, by its name in the API. */
const columns: { readonly [Name in keyof BpfListings]: readonly Column<BpfListings[Name]>[] } = {
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
  conntrack: [
    { title: "PROTOCOL", value: (entry) => entry.protocol },
    { title: "SOURCE", value: (entry) => joinHostPort(entry.source, entry.sourcePort) },
    { title: "DESTINATION", value: (entry) => joinHostPort(entry.destination, entry.destinationPort) },
    { title: "EXPIRES", value: (entry) => `${Math.round(entry.expiresIn)}s` },
    { title: "GENERATION", value: (entry) => entry.generation },
    { title: "STATE", value: (entry) => (entry.closing ? "closing" : entry.seenReply ? "open" : "unanswered") },
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
  ipcache: [
    { title: "PREFIX", value: (entry) => entry.prefix },
    { title: "IDENTITY", value: (entry) => entry.identity },
    { title: "CLASS", value: (entry) => entry.addressClass },
  ],
  counters: [
    { title: "REASON", value: (entry) => entry.reason },
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
interface Listing {
  readonly word: string;
  readonly name: keyof BpfListings;
  readonly maps: readonly string[];
  readonly description: string;
}

const listings: readonly Listing[] = [
  { word: "policy", name: "policy", maps: ["policy"], description: "entries of the policy slots" },
  {
    word: "ct",
    name: "conntrack",
    maps: ["conntrack4", "conntrack6"],
    description: "connections, with the verdicts that they keep",
  },
  {
    word: "nat",
    name: "nat",
    maps: ["nat4", "nat6"],
    description: "masqueraded flows, and as which address and port of the node's they go",
  },
  { word: "ipcache", name: "ipcache", maps: ["ipcache"], description: "who is behind an address" },
  {
    word: "counters",
    name: "counters",
    maps: ["counters", "forwarded"],
    description: "packets and bytes, by drop reason",
  },
  { word: "links", name: "links", maps: [], description: "our programs, and where they stand" },
  {
    word: "endpoints",
    name: "endpoints",
    maps: ["endpoints", "interfaces"],
    description: "addresses of this node's pods, and its own where policies select it",
  },
  {
    word: "bandwidth",
    name: "bandwidth",
    maps: ["bandwidths"],
    description: "what pods may send and receive, and what came too fast",
  },
];

export const register: Register = (program, cli) => {
  const bpf = program.command("bpf").description("what the kernel's maps hold, decoded");
  registerMap(bpf, cli);
  for (const listing of listings) {
    const word = bpf.command(listing.word).description(listing.description);
    addList(word, cli, listing);
    if (listing.maps.length > 0) registerRaw(word, cli, listing.maps);
  }
};

function addList(word: Command, cli: Cli, { name, description }: Listing): void {
  word
    .command("list")
    .description(description)
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command: Command) => {
      const entries = await cli.client(command).bpf(name);
      await cli.show(output, entries, (rows) =>
        table(rows, columns[name] as readonly Column<(typeof rows)[number]>[], cli.paint),
      );
    });
}

/** `80`, `8080-8095` for a shorter prefix, `any`. */
function portText(port: number, bits: number): string {
  if (bits === 0) return "any";
  return bits === 16 ? String(port) : `${port}-${port + 2 ** (16 - bits) - 1}`;
}

function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
