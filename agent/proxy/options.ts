import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";

export interface ProxyOptions {
  readonly runDir: string;
  readonly bpffs: string;
  readonly workers: number;
  readonly replace: boolean;
  readonly connectionsPerClient: number;
  /** Seconds. */
  readonly headTimeout: number;
  readonly idleTimeout: number;
  readonly drainTime: number;
}

/** Reads the command line of `weir proxy`. @throws CommanderError, when commander has said what is wrong, or has printed the help. */
export function proxyOptions(argv: readonly string[]): ProxyOptions {
  const command = new Command("weir proxy")
    .description("Reads requests that policy wants to be looked at. The agent starts it; it goes on without the agent.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "weir proxy: ")) });
  const add = (flags: string, text: string, preset: string): void => {
    command.addOption(new Option(flags, text).default(preset));
  };
  add("--run-dir <DIR>", "The folder of its control socket, the same as the agent's.", "/run/weir");
  add("--bpffs <DIR>", "BPF file system where the datapath's maps are pinned, in the folder weir.", "/sys/fs/bpf");
  const number = (flags: string, text: string, preset: number, most: number): void => {
    command.addOption(new Option(flags, text).default(preset).argParser((value) => parseWhole(value, most)));
  };
  number("--workers <N>", "Processes that serve connections.", availableParallelism(), 256);
  number("--connections-per-client <N>", "Open connections of one pod, or one address.", 4096, 1_000_000);
  number("--head-timeout <SECONDS>", "How long a client may take for the head of a request.", 30, 3600);
  number("--idle-timeout <SECONDS>", "How long a connection may be without any byte.", 3600, 1_000_000);
  number("--drain-time <SECONDS>", "How long connections may go on when it is told to end.", 600, 1_000_000);
  command.option("--replace", "Take over from the proxy that runs, which ends with its last connection.", false);
  return command.parse([...argv], { from: "user" }).opts<ProxyOptions>();
}

function parseWhole(value: string, most: number): number {
  const number = Number(value);
  if (/^[0-9]+$/.test(value) && number >= 1 && number <= most) return number;
  throw new InvalidArgumentError(`a whole number from 1 to ${most} is needed.`);
}
