/**
 * The codes of the errors that the binary prints: those of the CNI specification below
 * 100, Weir's own from there.
 */
export const ErrorCode = {
  INCOMPATIBLE_VERSION: 1,
  /** The message holds the field's name and value. */
  UNSUPPORTED_FIELD: 2,
  /** The message holds the names of the variables. */
  INVALID_ENVIRONMENT: 4,
  IO: 5,
  DECODE: 6,
  INVALID_CONFIG: 7,
  /** The container's network namespace is the node's own. */
  INVALID_NETNS: 8,
  TRY_AGAIN: 11,
  /** STATUS: ADD would fail. */
  UNAVAILABLE: 50,
  /** STATUS: ADD would fail, and containers may be cut off. */
  LIMITED: 51,
  /** The agent refused. */
  AGENT: 100,
  /** An interface of that name is in the container already. */
  INTERFACE_EXISTS: 101,
  /** The kernel refused to set up an interface. */
  NETWORK: 102,
  /** CHECK found something missing or wrong. */
  CHECK_FAILED: 103,
  /** An error in the binary itself. */
  INTERNAL: 199,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export class CniError extends Error {
  override readonly name = "CniError";
  readonly code: ErrorCode;
  /** More than fits a line, for whoever looks closer; may be empty. */
  readonly details: string;

  constructor(code: ErrorCode, message: string, details = "", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** The outcome of reading what the runtime gave. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CniError };

export function failure(
  code: ErrorCode,
  message: string,
  details = "",
): { readonly ok: false; readonly error: CniError } {
  return { ok: false, error: new CniError(code, message, details) };
}

/** The error object of the specification. */
export function errorText(error: CniError, cniVersion: string): string {
  const { code, message, details } = error;
  return JSON.stringify({ cniVersion, code, msg: message, ...(details === "" ? {} : { details }) });
}
