import { type CniArguments, parseArguments } from "./arguments.ts";
import { ErrorCode, failure, type Outcome } from "./errors.ts";

/** What the runtime asks for, beside VERSION, which needs nothing else. */
export type Command = "ADD" | "DEL" | "CHECK" | "STATUS";

/** The CNI_* variables of a command that is about one attachment. */
export interface Environment {
  readonly containerId: string;
  /** Name of the interface inside the container. */
  readonly ifName: string;
  /** Path of the container's network namespace; empty: none is left (DEL). */
  readonly netns: string;
  readonly args: CniArguments;
}

type Variables = Readonly<Record<string, string | undefined>>;

const required: Readonly<Record<Command, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  STATUS: [],
};

/** Reads CNI_COMMAND. */
export function parseCommand(variables: Variables): Outcome<Command> {
  const given = variables["CNI_COMMAND"] ?? "";
  const command = (Object.keys(required) as Command[]).find((known) => known === given);
  if (command) return { ok: true, value: command };
  const message = `CNI_COMMAND: ${JSON.stringify(given)} is not a command that weir-cni knows`;
  return failure(ErrorCode.INVALID_ENVIRONMENT, message);
}

/** Reads the variables that a command needs; whatever is missing or wrong is told at once. */
export function parseEnvironment(command: Command, variables: Variables): Outcome<Environment> {
  const missing = required[command].filter((name) => (variables[name] ?? "") === "");
  if (missing.length > 0) {
    const message = `required environment variables are missing: ${missing.join(", ")}`;
    return failure(ErrorCode.INVALID_ENVIRONMENT, message);
  }
  const environment = {
    containerId: variables["CNI_CONTAINERID"] ?? "",
    ifName: variables["CNI_IFNAME"] ?? "",
    netns: variables["CNI_NETNS"] ?? "",
  };
  const args = parseArguments(variables["CNI_ARGS"] ?? "");
  const problems = required[command].length > 0 ? findProblems(environment) : [];
  if (!args.ok) problems.push(args.error);
  if (!args.ok || problems.length > 0) {
    return failure(ErrorCode.INVALID_ENVIRONMENT, `invalid environment variables: ${problems.join("; ")}`);
  }
  return { ok: true, value: { ...environment, args: args.value } };
}

function findProblems({ containerId, ifName, netns }: Omit<Environment, "args">): string[] {
  const problems: string[] = [];
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/.test(containerId)) {
    problems.push(`CNI_CONTAINERID ${JSON.stringify(containerId)} is not letters, digits, "_", "." and "-"`);
  }
  const reason = refuseInterfaceName(ifName);
  if (reason) problems.push(`CNI_IFNAME ${JSON.stringify(ifName)} ${reason}`);
  if (netns !== "" && (!netns.startsWith("/") || netns.includes("\0"))) {
    problems.push(`CNI_NETNS ${JSON.stringify(netns)} is not an absolute path`);
  }
  return problems;
}

/** Linux's rules for the name of a device. */
function refuseInterfaceName(name: string): string | undefined {
  if (Buffer.byteLength(name) > 15) return "is longer than 15 bytes";
  if (name === "." || name === "..") return "is the name of a folder";
  if (/[/:\s\0]/.test(name)) return 'has a "/", a ":" or white space';
  return undefined;
}
