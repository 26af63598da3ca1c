import { type Command, Option } from "commander";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { printable, table } from "#agent/cli/table.ts";
import { numberBetween } from "#agent/cli/values.ts";

interface Options {
  readonly bpffs: string;
  readonly output: Format;
}

interface ReadOptions extends Options {
  readonly perCpu?: boolean;
}

interface WatchOptions extends ReadOptions {
  readonly interval: number;
}

const about = `
The maps are read where they are pinned, as root, whether an agent runs or not, and decoded by the types that the kernel has of
them. What a map is for: bpf/README.md.`;

/** `weir bpf map`: every map, whatever is in it. */
export function registerMap(bpf: Command, cli: Cli): void {
  const map = bpf.command("map").description("every map, decoded by its own types; needs no agent");
  map.addHelpText("after", about);
  common(map.command("list"), cli)
    .description("all maps: their kind, how full they are, and what they cost")
    .action((options: Options) => showList(cli, options));
  reading(map.command("dump"), cli)
    .description("all entries of maps; with -o json one a line")
    .argument("<name...>", "maps, as `list` names them")
    .action((names: string[], options: ReadOptions) => showDump(cli, names, options));
  reading(map.command("get"), cli)
    .description("the entries with a key; with -o json one a line")
    .argument("<name>", "the map")
    .argument("<key...>", "parts of the key as `dump` shows it, all of which must match: address=10.0.0.7, or a bare 7")
    .addHelpText("after", "\nOf a map of maps, outer=7 is the key of the inner map.")
    .action((name: string, words: string[], options: ReadOptions) => showMatches(cli, name, words, options));
  watching(map.command("watch"), cli)
    .description("entries that come, change and go, until interrupted; with -o json one a line")
    .argument("<name...>", "maps, as `list` names them")
    .action((names: string[], options: WatchOptions) => showChanges(cli, names, options));
  reading(map.command("diff"), cli)
    .description("what is different since a dump; with -o json one entry a line")
    .argument("<name>", "the map")
    .argument("<dump>", "a file that `dump -o json` has written")
    .argument("[later]", "a later one; without it the map as it is now")
    .action((name: string, file: string, later: string | undefined, options: ReadOptions) =>
      showDiff(cli, [name], [file, later], options),
    );
}

/** `dump`, `watch` and `diff` of the maps behind a word such as `ct`. */
export function registerRaw(word: Command, cli: Cli, names: readonly string[]): void {
  const maps = `weir bpf map ... ${names.join(" ")}`;
  reading(word.command("dump"), cli)
    .description(`all entries as the kernel has them; needs no agent: ${maps}`)
    .action((options: ReadOptions) => showDump(cli, names, options));
  watching(word.command("watch"), cli)
    .description(`what changes, until interrupted; needs no agent: ${maps}`)
    .action((options: WatchOptions) => showChanges(cli, names, options));
  reading(word.command("diff"), cli)
    .description(`what is different since a dump; needs no agent: ${maps}`)
    .argument("<dump>", "a file that `dump -o json` has written")
    .argument("[later]", "a later one; without it the maps as they are now")
    .action((file: string, later: string | undefined, options: ReadOptions) =>
      showDiff(cli, names, [file, later], options),
    );
}

function common(command: Command, cli: Cli): Command {
  return command
    .option("--bpffs <folder>", "where the maps are pinned", cli.io.environment["WEIR_BPFFS"] ?? "/sys/fs/bpf")
    .addOption(outputOption());
}

function reading(command: Command, cli: Cli): Command {
  return common(command, cli).option("--per-cpu", "of maps that count, each CPU's value and not the sum");
}

function watching(command: Command, cli: Cli): Command {
  const interval = new Option("--interval <ms>", "milliseconds between two looks");
  return reading(command, cli).addOption(interval.argParser(numberBetween(10, 3_600_000)).default(1000));
}

async function showList(cli: Cli, { bpffs, output }: Options): Promise<void> {
  const { list } = await import("#agent/local/maps/look.ts");
  await cli.show(output, await list(bpffs), (rows) =>
    table(
      rows,
      [
        { title: "NAME", value: (row) => row.name },
        { title: "TYPE", value: (row) => row.type },
        { title: "ID", value: (row) => row.id },
        { title: "KEY", value: (row) => row.keySize },
        { title: "VALUE", value: (row) => row.valueSize },
        { title: "ENTRIES", value: (row) => (row.unread === null ? row.entries : `${row.unread} bytes unread`) },
        { title: "CAPACITY", value: (row) => row.capacity },
        { title: "MEMORY", value: (row) => row.memory },
      ],
      cli.paint,
    ),
  );
}

async function showDump(cli: Cli, names: readonly string[], options: ReadOptions): Promise<void> {
  const { dump, entryText } = await import("#agent/local/maps/look.ts");
  await write(cli, options.output, dump({ ...options, names }), entryText);
}

async function showMatches(cli: Cli, name: string, words: readonly string[], options: ReadOptions): Promise<void> {
  const { get, keyPart, entryText } = await import("#agent/local/maps/look.ts");
  const entries = get({ ...options, names: [name] }, words.map(keyPart));
  if ((await write(cli, options.output, entries, entryText)) > 0) return;
  throw new CliError(ExitCode.notFound, `no entry of ${name} has the key ${words.join(" ")}`);
}

async function showChanges(cli: Cli, names: readonly string[], options: WatchOptions): Promise<void> {
  const { watch, changeText } = await import("#agent/local/maps/look.ts");
  const changes = watch({ ...options, names }, options.interval, cli.io.signal);
  await write(cli, options.output, timed(changes), ({ time, ...change }) => `${time} ${changeText(change)}`);
}

/** @param dumps The earlier one, and the later one if there is one. */
async function showDiff(
  cli: Cli,
  names: readonly string[],
  [file, later]: readonly [string, string | undefined],
  options: ReadOptions,
): Promise<void> {
  const { diff, changeText } = await import("#agent/local/maps/look.ts");
  await write(cli, options.output, diff({ ...options, names }, file, later), changeText);
}

async function* timed<T>(items: AsyncIterable<T>): AsyncGenerator<{ readonly time: string } & T> {
  for await (const item of items) yield { time: new Date().toISOString(), ...item };
}

/** Characters that are written at once. */
const piece = 65_536;

/** Writes items, and says how many; those that come in time one by one, others in pieces. */
async function write<T>(
  cli: Cli,
  output: Format,
  items: Iterable<T> | AsyncIterable<T>,
  text: (item: T) => string,
): Promise<number> {
  const { jsonText } = await import("#agent/local/maps/look.ts");
  const { stringify } = output === "yaml" ? await import("yaml") : { stringify: jsonText };
  const line = (item: T): string => {
    if (output === "table") return `${printable(text(item))}\n`;
    return output === "json" ? `${jsonText(item)}\n` : stringify([item], { aliasDuplicateObjects: false });
  };
  let count = 0;
  if (Symbol.asyncIterator in items) {
    for await (const item of items) {
      count++;
      await cli.write(line(item));
    }
    return count;
  }
  let lines = "";
  for (const item of items) {
    count++;
    lines += line(item);
    if (lines.length < piece) continue;
    await cli.write(lines);
    lines = "";
  }
  if (lines !== "") await cli.write(lines);
  return count;
}
