import { type Argument, type Command, Option } from "commander";
import { ClientError } from "#agent/api/client-error.ts";
import type { Cli } from "./cli.ts";
import { type Candidate, valuesOf } from "./complete-values.ts";
import { printable } from "./table.ts";
import { wordsOf } from "./values.ts";

/** Milliseconds that an agent may take to answer: somebody waits with a finger on the key. */
const patience = 500;

/** Where the words before the one to complete have led. */
interface Place {
  readonly command: Command;
  /** Names on the way: `policy get`. */
  readonly path: string;
  /** An option that still lacks its value. */
  readonly option: Option | undefined;
  /** How many arguments stand there already. */
  readonly given: number;
}

/**
 * What the last of some words may become: names of commands and options, an option's or an argument's values.
 * None where it is not known: a file, or anything. An agent that does not answer is no failure: nobody sees one
 * while a line is being typed.
 *
 * @param words after `weir`; the last one is being typed, and may be empty.
 */
export async function completeWords(cli: Cli, program: Command, words: readonly string[]): Promise<Candidate[]> {
  const typed = splitAssignments(words);
  const word = typed.at(-1) ?? "";
  // A shell that has it as one word wants it back as one.
  const [assigned = ""] = assignment.exec(words.at(-1) ?? "") ?? [];
  await addAgent(program, typed.slice(0, -1));
  const runDir = typed.indexOf("--run-dir");
  if (runDir >= 0 && runDir < typed.length - 2) program.setOptionValue("runDir", typed[runDir + 1]);
  const place = follow(program, typed.slice(0, -1));
  const candidates = await candidatesAt(cli, program, place, word);
  return candidates
    .filter(({ value }) => value.startsWith(word) && value !== "" && value === printable(value))
    .map(({ value, about }) => ({ value: `${assigned}${value}`, about: printable(about) }));
}

const assignment = /^--[a-z][a-z-]*=/;

/** The agent's own command line, which is not one of the program's commands. */
async function addAgent(program: Command, words: readonly string[]): Promise<void> {
  const agent = program.command("agent").summary("run the agent of this node");
  if (!words.includes("agent")) return;
  const { agentFlags } = await import("#agent/local/agent-flags.ts");
  for (const { flags, description } of agentFlags) agent.addOption(new Option(flags, description));
}

/** `--output=js`, which bash gives as three words, is `--output` and its value. */
function splitAssignments(words: readonly string[]): string[] {
  const split = words.flatMap((word) => {
    const [assigned] = assignment.exec(word) ?? [];
    return assigned === undefined ? [word] : [assigned.slice(0, -1), word.slice(assigned.length)];
  });
  return split.flatMap((word, index) => {
    if (word !== "=" || !split[index - 1]?.startsWith("--")) return [word];
    return index === split.length - 1 ? [""] : [];
  });
}

function follow(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, path: "", option: undefined, given: 0 };
  for (const word of words) {
    const { command, path, option, given } = place;
    // `weir help endpoint`, as if it were not there.
    if (word === "help") continue;
    if (option !== undefined) place = { ...place, option: undefined };
    else if (word.startsWith("-")) place = { ...place, option: optionNamed(program, command, word) };
    else {
      const next = command.commands.find((one) => one.name() === word);
      place = next
        ? { command: next, path: `${path} ${word}`.trim(), option: undefined, given: 0 }
        : { ...place, given: given + 1 };
    }
  }
  return place;
}

/** Only one that is followed by a value. */
function optionNamed(program: Command, command: Command, word: string): Option | undefined {
  const option = [...command.options, ...program.options].find(({ long, short }) => word === long || word === short);
  return option?.required === true ? option : undefined;
}

async function candidatesAt(
  cli: Cli,
  program: Command,
  { command, path, option, given }: Place,
  word: string,
): Promise<Candidate[]> {
  if (option !== undefined) return (await asked(cli, path, option.long ?? "", command)) ?? choicesOf(option);
  if (word.startsWith("-")) {
    const options = new Set([...command.options, ...command.createHelp().visibleOptions(command), ...program.options]);
    return [...options].map(({ long, description }) => ({ value: long ?? "", about: description }));
  }
  if (command.commands.length > 0) {
    if (given > 0) return [];
    const names = command.createHelp().visibleCommands(command);
    return names.map((one) => ({ value: one.name(), about: one.summary() || one.description() }));
  }
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[given] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return [];
  return (await asked(cli, path, argument.name(), command)) ?? choicesOf(argument);
}

function choicesOf(of: Option | Argument): Candidate[] {
  const choices = of.argChoices ?? wordsOf(of.parseArg) ?? [];
  return choices.map((value) => ({ value, about: "" }));
}

/** What the agent knows; null where that is no question for it. */
async function asked(cli: Cli, path: string, name: string, command: Command): Promise<Candidate[] | null> {
  const values = valuesOf(path, name);
  if (values === undefined) return null;
  const signal = AbortSignal.timeout(patience);
  try {
    return await values(cli.client(command, signal));
  } catch (error) {
    if (error instanceof ClientError || signal.aborted) return [];
    throw error;
  }
}
