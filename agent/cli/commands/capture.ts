import { once } from "node:events";
import { constants, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { CapturedPacket } from "#agent/api/capture-views.ts";
import { version } from "#agent/api/version.ts";
import type { Cli } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { flowWords } from "#agent/cli/flow-line.ts";
import { duration } from "#agent/cli/instant.ts";
import { Pcapng } from "#agent/cli/pcapng.ts";
import { printable } from "#agent/cli/table.ts";
import { listOf, numberBetween } from "#agent/cli/values.ts";

interface Options {
  readonly dropped?: boolean;
  readonly write: string;
  readonly pod?: readonly string[];
  readonly reason?: readonly string[];
  readonly count?: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly snaplen: number;
}

/** How long, in ms, the agent captures for one reader. */
const LONGEST = 3_600_000;

const text = (value: string): string => value;

export const register: Register = (program, cli) => {
  program
    .command("capture")
    .description(
      "write dropped packets, each with its reason and rule as a comment, into a pcapng file; ends with Ctrl-C, at the latest after an hour",
    )
    .option("--dropped", "the packets that policy, or anything else of the datapath, drops; others are not offered")
    .requiredOption(
      "-w, --write <file>",
      "a file that is not there yet; - for standard output: weir capture --dropped -w - | tshark -r -",
    )
    .option("--pod <namespace/pod>", "at either end", listOf(text))
    .option(
      "--reason <name>",
      "of the drop, as observe names it: POLICY_DENIED, ...",
      listOf((name) => name.toUpperCase()),
    )
    .option("--count <n>", "end after so many packets", numberBetween(1, 1_000_000_000))
    .option("--duration <time>", "end after so long: 30s, 5m", duration)
    .option("--snaplen <bytes>", "of each packet", numberBetween(14, 1600), 256)
    .action(async (options: Options, command) => {
      if (!options.dropped) {
        const message = "only dropped packets are offered: say --dropped (for others, tcpdump on the pod's interface)";
        throw new CliError(ExitCode.usage, message);
      }
      const { write, pod, reason, snaplen } = options;
      const query = { snaplen, ...(pod && { pod }), ...(reason && { reason }) };
      const end = AbortSignal.any([
        cli.io.signal,
        ...(options.duration === undefined ? [] : [AbortSignal.timeout(options.duration)]),
      ]);
      const target = await openTarget(cli, write);
      const began = performance.now();
      const done = new AbortController();
      const lines = cli.client(command).captures(query, AbortSignal.any([end, done.signal]));
      const file = new Pcapng(snaplen);
      const seen = { packets: 0, lost: 0 };
      await put(target.stream, file.begin(`weir ${version}`));
      try {
        for await (const line of lines) {
          if ("lost_packets" in line) {
            seen.lost += line.lost_packets;
            continue;
          }
          await put(target.stream, file.packet(packetOf(line)));
          if (++seen.packets === options.count) done.abort();
        }
      } catch (error) {
        if (!end.aborted && !done.signal.aborted) {
          // A file in which there is nothing says nothing.
          await target.close(seen.packets === 0);
          throw error;
        }
      }
      if (seen.lost > 0) await put(target.stream, file.lost(seen.lost, BigInt(Date.now()) * 1_000_000n));
      await target.close(false);
      if (!end.aborted && !done.signal.aborted && performance.now() - began < LONGEST) {
        cli.remark("the agent has stopped");
        cli.exitCode = ExitCode.unreachable;
      }
      cli.remark(`${seen.packets} dropped packets captured${lostText(seen.lost)}`);
    });
};

function lostText(lost: number): string {
  return lost === 0 ? "" : `, ${lost} more are missing: there were too many at once`;
}

interface Target {
  readonly stream: Writable;
  /** @param isVoid whether the file shall go again. */
  close(isVoid: boolean): Promise<void>;
}

/** A new file that only its owner reads: packets carry what people say to each other. */
async function openTarget(cli: Cli, path: string): Promise<Target> {
  if (path === "-") {
    const { stdout } = cli.io;
    if ("isTTY" in stdout && stdout.isTTY === true) {
      throw new CliError(ExitCode.usage, "-w -: packets are not for a terminal; write them to a file or a program");
    }
    return { stream: stdout, close: async () => {} };
  }
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600).catch(
    (error: NodeJS.ErrnoException) => {
      const why = error.code === "EEXIST" ? "it is there already, and is not overwritten" : error.message;
      throw new CliError(ExitCode.usage, `-w ${path}: ${why}`);
    },
  );
  const stream = handle.createWriteStream();
  return {
    stream,
    close: async (isVoid) => {
      stream.end();
      await once(stream, "close");
      if (isVoid) rmSync(path, { force: true });
    },
  };
}

async function put(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (bytes.length > 0 && !stream.write(bytes)) await once(stream, "drain");
}

function packetOf({ interface: device, way, length, data, flow }: CapturedPacket): Parameters<Pcapng["packet"]>[0] {
  const place = flow.file ? `, ${flow.file.name}:${flow.file.line}` : "";
  const words = flowWords(flow).map(printable).join("  ");
  return {
    interface: device.name ?? `index ${device.index}`,
    time: nanoseconds(flow.time),
    way,
    length,
    bytes: Buffer.from(data, "base64"),
    comment: `${words}  (${flow.drop_reason_desc ?? "DROPPED"}${place})`,
  };
}

/** RFC 3339 with nanoseconds, as ns since 1970. */
function nanoseconds(time: string): bigint {
  const [, seconds = "", fraction = ""] = /^([^.]+)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}
