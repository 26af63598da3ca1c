import { ClientError, type ClientErrorKind } from "#agent/api/client-error.ts";
import { ExitCode } from "./exit-code.ts";

/** A command that cannot do what was asked; the message is for people, in one or two lines. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

const exitCodes: Readonly<Record<ClientErrorKind, ExitCode>> = {
  unreachable: ExitCode.unreachable,
  forbidden: ExitCode.unreachable,
  invalid: ExitCode.usage,
  "not-found": ExitCode.notFound,
  unavailable: ExitCode.failed,
  failed: ExitCode.failed,
};

const remedies: Partial<Readonly<Record<ClientErrorKind, string>>> = {
  unreachable: "start it with `weir agent`, or name its folder with --run-dir",
  forbidden: "run as root or as a member of the group weir; weir-observe is enough for commands that only read",
  unavailable: "try again in a moment",
};

const mapExitCodes = {
  "no-maps": ExitCode.failed,
  "no-such-map": ExitCode.notFound,
  "not-permitted": ExitCode.failed,
  "no-entries": ExitCode.usage,
} as const;

/** What to print of a failure, and with which status to end. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly text: string;
}

/** @param asked what the command was to do: `weir endpoint list` */
export async function describeFailure(asked: string, thrown: unknown): Promise<Failure> {
  if (thrown instanceof CliError) return { exitCode: thrown.exitCode, text: `${asked}: ${thrown.message}` };
  if (thrown instanceof ClientError) {
    const remedy = remedies[thrown.kind];
    const lines = [`${asked}: ${thrown.message}`, ...(remedy ? [`  ${remedy}`] : []), ...detailLines(thrown)];
    return { exitCode: exitCodes[thrown.kind], text: lines.join("\n") };
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return { exitCode: await exitCodeOf(thrown), text: `${asked}: ${reason}` };
}

/** Of what is thrown by work on this machine. */
async function exitCodeOf(thrown: unknown): Promise<ExitCode> {
  const { UnreadableError } = await import("#agent/local/unreadable.ts");
  const { MapError } = await import("#agent/local/maps/map-error.ts");
  if (thrown instanceof UnreadableError) return ExitCode.usage;
  return thrown instanceof MapError ? mapExitCodes[thrown.code] : ExitCode.failed;
}

/** Findings that the message does not hold already. */
function detailLines({ message, details }: ClientError): string[] {
  return details === "" || message.endsWith(details) ? [] : details.split("\n");
}
