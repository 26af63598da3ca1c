import { type Complaint, WeirError } from "#agent/runtime/errors.ts";

type RedirectErrorCode = "proxy-not-understood" | "proxy-not-started";

/** The proxy cannot be brought to do its part. */
export class RedirectError extends WeirError<RedirectErrorCode> {
  private constructor(code: RedirectErrorCode, complaint: Complaint, options?: ErrorOptions) {
    super(code, complaint, options);
  }

  static notUnderstood(path: string, obstacle: string): RedirectError {
    return new RedirectError("proxy-not-understood", { asked: `speak with the proxy on ${path}`, obstacle });
  }

  static notStarted(obstacle: string, log: string, cause?: unknown): RedirectError {
    const remedy = `the end of ${log} says more`;
    return new RedirectError("proxy-not-started", { asked: "start the proxy", obstacle, remedy }, { cause });
  }
}
