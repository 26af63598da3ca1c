import { Command, CommanderError, Option } from "commander";
import { Cli, type Io } from "./cli.ts";
import { commands } from "./commands.ts";
import { describeFailure } from "./errors.ts";
import { ExitCode } from "./exit-code.ts";
import { printableLines } from "./table.ts";

/** Where the agent is found unless somebody says otherwise. */
const defaultRunDir = "/run/weir";

/**
 * Runs one command.
 *
 * @param argv without the program's own name.
 * @returns the exit status; failures have been told on standard error.
 */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const cli = new Cli(io);
  const program = newProgram(cli);
  const name = commandName(argv);
  if (name === "__complete") return completeLine(cli, program, argv.slice(argv.indexOf("--") + 1));
  // `weir help status` needs that command's options, too.
  const wanted = name === "help" ? commandName(argv.slice(argv.indexOf("help") + 1)) : name;
  await addCommands(program, cli, wanted);
  // Commander would answer `weir monitr --help` with the help of `weir`, as if all were well.
  const isUnknown = name !== undefined && name !== "help" && !commands.some((command) => command.name === name);
  try {
    await program.parseAsync(isUnknown ? [name] : argv, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    // Commander has said already what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.fine : ExitCode.usage;
    if (io.signal.aborted) return cli.exitCode;
    const { exitCode, text } = await describeFailure(asked(program, argv), error);
    io.stderr.write(`${printableLines(text)}\n`);
    return exitCode;
  }
}

/** All commands, one of them with its options and subcommands. */
async function addCommands(program: Command, cli: Cli, wanted: string | undefined): Promise<void> {
  for (const { name, summary, load } of commands) {
    if (name === wanted) (await load()).register(program, cli);
    else program.command(name).summary(summary).description(summary);
  }
}

/** For a shell's completion, which nobody calls by hand: the words of a line, the last of them to be completed. */
async function completeLine(cli: Cli, program: Command, words: readonly string[]): Promise<ExitCode> {
  const { completeWords } = await import("./complete.ts");
  await addCommands(program, cli, commandName(words.slice(0, -1).filter((word) => word !== "help")));
  const candidates = await completeWords(cli, program, words);
  await cli.write(candidates.map(({ value, about }) => `${value}\t${about}\n`).join(""));
  return ExitCode.fine;
}

/** The command's name: the first argument that is neither an option of the program nor an option's value. */
export function commandName(argv: readonly string[]): string | undefined {
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "--run-dir") index++;
    else if (!argument.startsWith("-")) return argument;
  }
  return undefined;
}

function newProgram({ io }: Cli): Command {
  const runDir = new Option("--run-dir <folder>", "the folder of the agent's sockets").default(
    io.environment["WEIR_RUN_DIR"] ?? defaultRunDir,
  );
  return new Command("weir")
    .description("Networking and security for Kubernetes nodes on eBPF")
    .addOption(runDir)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(printableLines(text.replace(/^error: /, "weir: "))),
    })
    .showHelpAfterError("(--help says what is possible)")
    .addHelpText("after", "\nThe agent: weir agent --help; the proxy, which the agent starts: weir proxy --help")
    .addHelpText(
      "after",
      "Exit status: 0 fine, 1 failed, 2 bad usage or input, 3 agent unreachable, 4 not found, 5 degraded",
    );
}

/** What was asked, for messages: `weir endpoint list`. */
function asked(program: Command, argv: readonly string[]): string {
  const words = ["weir"];
  let command: Command | undefined = program;
  for (const argument of argv) {
    const next: Command | undefined = command?.commands.find((one) => one.name() === argument);
    if (!next) continue;
    words.push(argument);
    command = next;
  }
  return words.join(" ");
}
