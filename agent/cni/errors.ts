import type { CniOutcome } from "#agent/api/cni.ts";
import { answerError } from "#agent/api/errors.ts";
import { NetError } from "#agent/net/error.ts";
import { NetlinkError } from "#agent/netlink/error.ts";
import type { CniVersion } from "./versions.ts";

/**
 * The codes of the errors that a runtime is told: those of the CNI specification below
 * 100, Weir's own from there. Those of the environment and of stdin are in `cni/output.h`.
 */
export const ErrorCode = {
  /** The message holds the field's name and value. */
  UNSUPPORTED_FIELD: 2,
  /** Nothing of the container is here, so that nothing need be cleaned up. */
  UNKNOWN_CONTAINER: 3,
  /** The message holds the names of the variables. */
  INVALID_ENVIRONMENT: 4,
  INVALID_CONFIG: 7,
  /** The container's network namespace is the node's own. */
  INVALID_NETNS: 8,
  TRY_AGAIN: 11,
  /** STATUS: ADD would fail. */
  UNAVAILABLE: 50,
  /** STATUS: containers may be cut off. */
  LIMITED: 51,
  /** The agent refused. */
  AGENT: 100,
  /** An interface of that name is in the container already. */
  INTERFACE_EXISTS: 101,
  /** The kernel refused to set up an interface. */
  NETWORK: 102,
  /** CHECK found something missing or wrong. */
  CHECK_FAILED: 103,
  /** An IPAM plugin said what is no result. */
  DELEGATE: 104,
  /** GC could not release all that is stale. */
  INCOMPLETE: 105,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** An error that a runtime is told as it is. */
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

/** An error object of the specification, made of whatever was thrown. */
export function errorOutcome(thrown: unknown, cniVersion: CniVersion): CniOutcome {
  const { code, message, details } = asCniError(thrown);
  return {
    output: { cniVersion, code, msg: printable(message), ...(details === "" ? {} : { details: printable(details) }) },
    exitCode: 1,
  };
}

/** A text that every JSON parser takes: what others said may hold NUL bytes and halves of characters. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\u{fffd}");
}

function asCniError(thrown: unknown): CniError {
  if (thrown instanceof CniError) return thrown;
  if (thrown instanceof NetlinkError || thrown instanceof NetError) {
    return new CniError(ErrorCode.NETWORK, thrown.message, "", { cause: thrown });
  }
  const { status, body } = answerError(thrown);
  const { code, message, details = "" } = body.error;
  return new CniError(codeOf(status, code), message, [`agent: ${code}`, details].join("\n").trim(), { cause: thrown });
}

/** By the status that the API would answer with. */
function codeOf(status: number, reason: string): ErrorCode {
  if (status === 503) return ErrorCode.TRY_AGAIN;
  // An address that was asked for, and is not to be had.
  if (status === 400 || reason === "address-in-use") return ErrorCode.INVALID_CONFIG;
  return ErrorCode.AGENT;
}
