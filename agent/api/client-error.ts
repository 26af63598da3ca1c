/** How a request failed, as far as the caller can act on it. */
export type ClientErrorKind =
  /** Nobody listens on the socket. */
  | "unreachable"
  /** The socket is there, or an agent behind it, but not for this user. */
  | "forbidden"
  /** The agent refuses the request as it stands. */
  | "invalid"
  | "not-found"
  /** Not now; the same request may succeed later. */
  | "unavailable"
  | "failed";

/** A request that brought no good answer. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly kind: ClientErrorKind;
  /** The agent's word for it; empty when no agent answered. */
  readonly code: string;
  /** One finding a line; empty when the message says all. */
  readonly details: string;

  constructor(
    kind: ClientErrorKind,
    message: string,
    options: ErrorOptions & { code?: string; details?: string } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.code = options.code ?? "";
    this.details = options.details ?? "";
  }

  /** From an answer that is not a good one; whatever its body holds. */
  static fromAnswer(status: number, body: string): ClientError {
    const { code, message, details } = readErrorBody(body);
    return new ClientError(kindOf(status), message || `the agent answered with status ${status}`, { code, details });
  }

  /** From a socket that could not be used. */
  static fromSocket(path: string, error: NodeJS.ErrnoException): ClientError {
    if (error.code === "ENOENT" || error.code === "ECONNREFUSED") {
      return new ClientError("unreachable", `no agent listens on ${path}`, { cause: error });
    }
    if (error.code === "EACCES" || error.code === "EPERM") {
      return new ClientError("forbidden", `no right to use ${path}`, { cause: error });
    }
    return new ClientError("unreachable", `the agent on ${path} hung up: ${error.message}`, { cause: error });
  }
}

function kindOf(status: number): ClientErrorKind {
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 503) return "unavailable";
  return status >= 400 && status < 500 && status !== 409 ? "invalid" : "failed";
}

function readErrorBody(text: string): { code: string; message: string; details: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: "", message: "", details: "" }; // not an agent of ours: the status must do
  }
  const error = ((value as { error?: unknown } | null)?.error ?? {}) as Record<string, unknown>;
  const textOf = (name: string): string => (typeof error[name] === "string" ? error[name] : "");
  return { code: textOf("code"), message: textOf("message"), details: textOf("details") };
}
