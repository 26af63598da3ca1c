import { constants } from "node:os";

/** What went wrong, for programs to decide by. The set is closed. */
export type BpfErrorCode =
  /** The process lacks a right (EPERM, EACCES). */
  | "not-permitted"
  /** No such entry, pin, interface, map or program. */
  | "not-found"
  /** It is there already. */
  | "exists"
  /** A map or a buffer has no room (E2BIG, ENOSPC). */
  | "full"
  | "busy"
  /** The kernel or libbpf refused an argument or an object's content. */
  | "invalid"
  /** This kernel, or this kind of map, does not have it. */
  | "unsupported"
  | "out-of-memory"
  /** The verifier refused a program; the error is a {@link VerifierError}. */
  | "verifier-rejected"
  /** A codec or a buffer does not have the size that the map or structure has. */
  | "wrong-size"
  /** The handle was disposed of before. */
  | "closed"
  /** libbpf is not installed. */
  | "library-missing"
  /** Not an ELF object, or one without readable BTF. */
  | "invalid-object"
  /** Any other errno; see {@link BpfError.errno}. */
  | "failed";

const codes: Readonly<Record<string, BpfErrorCode>> = {
  EPERM: "not-permitted",
  EACCES: "not-permitted",
  ENOENT: "not-found",
  ENODEV: "not-found",
  ESRCH: "not-found",
  EEXIST: "exists",
  E2BIG: "full",
  ENOSPC: "full",
  EBUSY: "busy",
  EAGAIN: "busy",
  EINVAL: "invalid",
  EBADF: "invalid",
  ELOOP: "invalid",
  EOPNOTSUPP: "unsupported",
  ENOSYS: "unsupported",
  ENOTSUPP: "unsupported",
  ENOMEM: "out-of-memory",
};

const sentences: Readonly<Record<string, string>> = {
  EPERM: "not permitted",
  EACCES: "access denied",
  ENOENT: "not there",
  ENODEV: "no such interface",
  EEXIST: "exists already",
  E2BIG: "no room, or the argument is too large",
  ENOSPC: "no room left",
  EBUSY: "busy",
  EAGAIN: "busy, try again",
  EINVAL: "the kernel refused an argument",
  EBADF: "not an open descriptor of that kind",
  EOPNOTSUPP: "not supported",
  ENOSYS: "this kernel lacks the call",
  ENOTSUPP: "not supported by this kernel or this kind of object",
  ENOMEM: "out of memory",
  ESTALE: "changed meanwhile",
};

/** The kernel's ENOTSUPP never reaches C programs' headers, but it does reach them. */
const ENOTSUPP = 524;

const names = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  [constants.errno.EAGAIN, "EAGAIN"],
  [constants.errno.EOPNOTSUPP, "EOPNOTSUPP"],
  [ENOTSUPP, "ENOTSUPP"],
]);

/** The symbolic name of an errno value, e.g. `ENOENT`. */
export function errnoName(errno: number): string {
  return names.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

export interface BpfErrorDetails {
  /** The C function or system call that failed, e.g. `bpf_map_update_elem`; absent when the binding refused itself. */
  readonly call?: string;
  /** What it was done to, e.g. `map conntrack4`. */
  readonly object: string;
  /** Symbolic errno, e.g. `ENOSPC`. */
  readonly errno?: string;
  readonly cause?: unknown;
}

/** A call of libbpf or of the kernel that failed, or that the binding refused to make. */
export class BpfError extends Error {
  override readonly name: string = "BpfError";
  readonly code: BpfErrorCode;
  readonly call: string | null;
  readonly object: string;
  readonly errno: string | null;

  constructor(code: BpfErrorCode, message: string, details: BpfErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.call = details.call ?? null;
    this.object = details.object;
    this.errno = details.errno ?? null;
  }

  /** From an errno value of either sign: `update map policy: no room left (ENOSPC from bpf_map_update_elem)`. */
  static fromErrno(errno: number, verb: string, object: string, call: string): BpfError {
    const name = errnoName(errno);
    const reason = sentences[name] ?? "failed";
    return new BpfError(codes[name] ?? "failed", `${verb} ${object}: ${reason} (${name} from ${call})`, {
      call,
      object,
      errno: name,
    });
  }
}

/** The verifier, or the loading of a program before it, said no. */
export class VerifierError extends BpfError {
  override readonly name: string = "VerifierError";
  /** All that the kernel wrote; empty when it wrote nothing. */
  readonly log: string;

  constructor(message: string, log: string, details: BpfErrorDetails) {
    super("verifier-rejected", message, details);
    this.log = log;
  }
}

/** Gives back a result that is not negative, and throws what a negative one stands for. */
export function check(result: number, verb: string, object: string, call: string): number {
  if (result < 0) throw BpfError.fromErrno(result, verb, object, call);
  return result;
}
