import { BpfError, check } from "./errors.ts";
import { native, type Pointer } from "./native/library.ts";

/** Bytes for one program's log. A kernel before 6.4 refuses a longer one; later ones keep its end. */
const logSize = 1 << 20;
/** How many of the log's last lines stand in a message. */
const tailLines = 12;

/**
 * Where the verifier writes when it refuses a program. libbpf loads without a log first
 * and asks for one only when that failed: writing it takes the verifier long.
 */
export class VerifierLog {
  readonly program: string;
  readonly #buffer = new Uint8Array(logSize);

  /** @param pointer the program, not yet loaded; it writes here as long as its object is open. */
  constructor(program: string, pointer: Pointer) {
    this.program = program;
    const result = native().programSetLogBuf(pointer, this.#buffer, logSize) as number;
    check(result, "bpf_program__set_log_buf", `program ${program}`);
  }

  get text(): string {
    const end = this.#buffer.indexOf(0);
    return Buffer.from(this.#buffer.subarray(0, end < 0 ? logSize : end))
      .toString("latin1")
      .trim();
  }
}

/** The error of a load: of the program whose log is not empty, else with what libbpf said. */
export function loadError(
  errno: number,
  object: string,
  logs: readonly VerifierLog[],
  warnings: readonly string[],
): BpfError {
  const call = "bpf_object__load";
  const refused = logs.find(({ text }) => text !== "");
  if (!refused) {
    // The first warnings are of the cause, the last one only repeats that it failed.
    const said = warnings.slice(0, -1).map((warning) => `\n${warning}`);
    return BpfError.fromErrno(errno, call, `object ${object}`, said.join(""));
  }
  const { text: log, program } = refused;
  const { errno: name } = BpfError.fromErrno(errno, call, object);
  const tail = log.split("\n").slice(-tailLines).join("\n");
  return new BpfError("verifier-rejected", call, `program ${program} of ${object}: ${name}\n${tail}`, {
    errno: name,
    log,
  });
}
