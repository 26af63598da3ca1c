import { constants } from "node:os";

export type BpfErrorCode =
  | "not-permitted"
  | "not-found"
  | "exists"
  | "full"
  | "busy"
  | "invalid"
  | "unsupported"
  | "out-of-memory"
  | "verifier-rejected"
  | "wrong-size"
  /** A map, or what is pinned, is not of the kind or shape that is wanted. */
  | "incompatible"
  | "closed"
  | "library-missing"
  | "failed";

const codeOfErrno: Readonly<Record<string, BpfErrorCode>> = {
  EPERM: "not-permitted",
  EACCES: "not-permitted",
  ENOENT: "not-found",
  EEXIST: "exists",
  E2BIG: "full",
  ENOSPC: "full",
  EBUSY: "busy",
  EINVAL: "invalid",
  EOPNOTSUPP: "unsupported",
  ENOTSUP: "unsupported",
  ENOMEM: "out-of-memory",
};

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The symbolic name of an errno value, e.g. `ENOENT`. 524 is the kernel's own ENOTSUPP. */
export function errnoName(errno: number): string {
  return errno === 524 ? "ENOTSUPP" : (names.get(errno) ?? `errno ${errno}`);
}

/**
 * A call of libbpf or the kernel that failed. The message says which call, on which
 * object, and what the kernel said.
 */
export class BpfError extends Error {
  override readonly name = "BpfError";
  readonly code: BpfErrorCode;
  /** Symbolic, e.g. `ENOENT`; null where no system call failed. */
  readonly errno: string | null;
  /** The call, e.g. `bpf_map_update_elem`. */
  readonly call: string;
  /** The verifier's whole log, for `verifier-rejected`. */
  readonly log: string | null;

  constructor(
    code: BpfErrorCode,
    call: string,
    message: string,
    options: { errno?: string | null; log?: string; cause?: unknown } = {},
  ) {
    super(`${call}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.call = call;
    this.errno = options.errno ?? null;
    this.log = options.log ?? null;
  }

  /** From an errno value (positive or negative). @param said what else is known, for the end of the message. */
  static fromErrno(errno: number, call: string, subject: string, said = ""): BpfError {
    const name = errnoName(Math.abs(errno));
    const code = name === "ENOTSUPP" ? "unsupported" : (codeOfErrno[name] ?? "failed");
    return new BpfError(code, call, `${subject}: ${name}${said}`, { errno: name });
  }
}

/** Gives back a result that is not negative, and throws what a negative one stands for. */
export function check(result: number, call: string, subject: string): number {
  if (result < 0) throw BpfError.fromErrno(result, call, subject);
  return result;
}
