/** What can go wrong while a node or a pod is made on this machine. */
export type LabErrorCode = "command-failed" | "agent-not-ready" | "cni-failed" | "timed-out" | "worker-ended";

/** A step of a lab that failed; the message says which command or condition, and what it said. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabError";
    this.code = code;
  }
}
