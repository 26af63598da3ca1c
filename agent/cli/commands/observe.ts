import { Option } from "commander";
import type { Query } from "#agent/api/client.ts";
import { ClientError } from "#agent/api/client-error.ts";
import type { Register } from "#agent/cli/commands.ts";
import { FlowConditions } from "#agent/cli/flow-conditions.ts";
import { type FlowFormat, flowFormats, flowWriter } from "#agent/cli/flow-formats.ts";
import { instant } from "#agent/cli/instant.ts";
import { lostText } from "#agent/cli/lost-text.ts";
import { wholeNumber } from "#agent/cli/values.ts";

interface Options {
  readonly follow?: true;
  readonly last?: number;
  readonly first?: number;
  readonly all?: true;
  readonly since?: string;
  readonly until?: string;
  readonly printRawFilters?: true;
  readonly output: FlowFormat;
}

const when = (text: string): string => instant(text, Date.now());

export const register: Register = (program, cli) => {
  const observe = program
    .command("observe")
    .description("flows, newest last, with verdict, rule and reason; the words are those of Hubble's command line")
    .option("-f, --follow", "go on with new flows")
    .option("--last <n>", "only the newest n of those kept", wholeNumber)
    .addOption(
      new Option("--first <n>", "only the oldest n of those kept").argParser(wholeNumber).conflicts(["last", "follow"]),
    )
    .addOption(new Option("--all", "all that are kept, also with --follow").conflicts("last"))
    .option("--since <when>", "not before: 5m, 2h, or an instant of RFC 3339", when)
    .option("--until <when>", "not after; ends --follow", when)
    .option("--print-raw-filters", "print the filters as JSON, and nothing else")
    .addOption(new Option("-o, --output <format>", "how to print it").choices(flowFormats).default("table"));
  const conditions = new FlowConditions(observe);
  observe.action(async (options: Options, command) => {
    const { whitelist, blacklist } = conditions.conditions;
    if (options.printRawFilters) {
      const lines = (name: string, filters: readonly object[]) =>
        filters.map((filter) => `${name}: ${JSON.stringify(filter)}\n`);
      return cli.write([...lines("allowlist", whitelist), ...lines("denylist", blacklist)].join(""));
    }
    const { follow, last, first, all, since, until, output } = options;
    const write = await flowWriter(output, cli.paint);
    const query: Query = {
      follow,
      last,
      first,
      all,
      since,
      until,
      lost: true,
      whitelist: whitelist.map((filter) => JSON.stringify(filter)),
      blacklist: blacklist.map((filter) => JSON.stringify(filter)),
    };
    let isSilent = true;
    for await (const line of cli.client(command).flows(query, cli.io.signal)) {
      const text = write(line);
      isSilent &&= text === undefined;
      if (text !== undefined) await cli.write(text);
      if ("lost_events" in line) cli.remark(lostText(line, "flows"));
    }
    if (isSilent && !follow && isForPeople(output)) cli.remark(silenceText([...whitelist, ...blacklist]));
    const isOver = until !== undefined && Date.parse(until) <= Date.now();
    if (follow && !isOver && !cli.io.signal.aborted) throw new ClientError("unreachable", "the agent has stopped");
  });
};

/** Filters that match nothing look like a node on which nothing happens. */
function silenceText(filters: readonly object[]): string {
  if (filters.length === 0) return "no flow is kept of the time that was asked for";
  const isOfDefault = /"(?:pod|\w+_pod|service|\w+_service)":\["(?:default\/|[^/"]*")/.test(JSON.stringify(filters));
  return `no flow that is kept matches${isOfDefault ? "; a name without a namespace is one of default: NAMESPACE/NAME" : ""}`;
}

function isForPeople(format: FlowFormat): boolean {
  return format === "table" || format === "compact" || format === "dict";
}
