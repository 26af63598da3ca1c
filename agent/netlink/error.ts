/**
 * - `kernel`: the kernel refused; `errno` says why.
 * - `malformed`: an answer does not follow the protocol.
 * - `interrupted`: a table changed under each of several dumps.
 * - `invalid`: the request cannot be put into a message, e.g. an address that is none.
 */
export type NetlinkErrorCode = "kernel" | "malformed" | "interrupted" | "invalid";

const names: Readonly<Record<number, string>> = {
  1: "EPERM: not permitted",
  2: "ENOENT: no such entry",
  3: "ESRCH: no such entry",
  11: "EAGAIN: no answer",
  12: "ENOMEM: out of memory",
  13: "EACCES: not allowed",
  16: "EBUSY: busy",
  17: "EEXIST: exists already",
  19: "ENODEV: no such device",
  22: "EINVAL: invalid argument",
  34: "ERANGE: out of range",
  95: "EOPNOTSUPP: not supported",
  97: "EAFNOSUPPORT: address family not supported",
  99: "EADDRNOTAVAIL: no such address",
  100: "ENETDOWN: device is down",
  101: "ENETUNREACH: gateway not reachable",
  105: "ENOBUFS: messages were lost",
  113: "EHOSTUNREACH: not reachable",
};

/** Errno values that callers tell apart. */
export const Errno = { ENOENT: 2, ESRCH: 3, EEXIST: 17, ENODEV: 19, EADDRNOTAVAIL: 99, ENOBUFS: 105 } as const;

/** What an errno means, e.g. `EEXIST: exists already`. */
export function describeErrno(errno: number): string {
  return names[errno] ?? `errno ${errno}`;
}

export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  readonly code: NetlinkErrorCode;
  /** Positive; 0 unless the code is `kernel`. */
  readonly errno: number;

  constructor(code: NetlinkErrorCode, message: string, errno = 0) {
    super(message);
    this.code = code;
    this.errno = errno;
  }

  /** @param hint the kernel's own sentence, empty when it gave none. */
  static kernel(what: string, errno: number, hint: string): NetlinkError {
    const reason = hint === "" ? describeErrno(errno) : `${describeErrno(errno)} (${hint})`;
    return new NetlinkError("kernel", `${what}: ${reason}`, errno);
  }
}

/** Whether the error says that what was to be removed or read is not there. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof NetlinkError)) return false;
  const { errno } = error;
  return errno === Errno.ENOENT || errno === Errno.ESRCH || errno === Errno.ENODEV || errno === Errno.EADDRNOTAVAIL;
}

/** Whether the error says that what was to be created is there already. */
export function isExisting(error: unknown): boolean {
  return error instanceof NetlinkError && error.errno === Errno.EEXIST;
}
