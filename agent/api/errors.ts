import { type Complaint, WeirError } from "#agent/runtime/errors.ts";

/** Codes that the API itself gives; those of the agent's parts pass through unchanged. */
export type ApiErrorCode =
  | "bad-request"
  | "forbidden"
  | "unknown-route"
  | "method-not-allowed"
  | "too-large"
  | "not-found"
  | "no-session"
  | "invalid-policy"
  | "conflict"
  | "busy"
  | "too-slow"
  | "not-ready"
  | "stopping"
  | "caller-gone"
  | "run-dir-in-use"
  | "socket"
  | "hubble-tls"
  | "internal";

/**
 * HTTP status of what a port throws, by the error's class and code; 500 for whatever does
 * not stand here. 503 means: the same request may succeed later. Other packages have
 * codes of the same words that mean something else, so the class counts.
 */
const statuses: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ApiError: {
    "bad-request": 400,
    "invalid-policy": 400,
    "no-session": 401,
    forbidden: 403,
    "not-found": 404,
    "unknown-route": 404,
    "method-not-allowed": 405,
    conflict: 409,
    "too-large": 413,
    busy: 503,
    "too-slow": 503,
    "not-ready": 503,
    stopping: 503,
    "caller-gone": 503,
  },
  EndpointError: {
    "policy-too-large": 400,
    "not-found": 404,
    exists: 409,
    "interface-missing": 409,
    "not-ready": 503,
  },
  ConfigError: { "unknown-option": 404, "start-only": 400, "bad-value": 400 },
  IpamError: {
    "unknown-pool": 400,
    "address-outside": 400,
    "bad-request": 400,
    "bad-range": 400,
    "address-in-use": 409,
    "range-in-use": 409,
    "address-cooling": 503,
    "pool-exhausted": 503,
    "no-range": 503,
  },
  IdentityError: { exhausted: 503, conflict: 503 },
  MapFullError: { "map-full": 503 },
  StoreError: { unavailable: 503, refused: 503, closed: 503 },
};

/** What the API refuses, and what a port may throw to choose the answer. */
export class ApiError extends WeirError<ApiErrorCode> {
  /** More than a sentence, for people: one finding a line. */
  readonly details: string | undefined;

  constructor(code: ApiErrorCode, complaint: Complaint & { readonly details?: string }, options?: ErrorOptions) {
    super(code, complaint, options);
    this.details = complaint.details;
  }
}

/** What a thrown value becomes on the wire. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly error: { readonly code: string; readonly message: string; readonly details?: string } };
}

/** The answer to whatever a handler threw. */
export function answerError(thrown: unknown): ErrorAnswer {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = "code" in error && typeof error.code === "string" ? error.code : "internal";
  const details = "details" in error && typeof error.details === "string" ? { details: error.details } : {};
  return { status: statuses[error.name]?.[code] ?? 500, body: { error: { code, message: error.message, ...details } } };
}
