import { WeirError } from "#agent/runtime/errors.ts";

/**
 * - `socket`: a socket could not be made.
 * - `control`: the control socket could not be opened.
 * - `take-over`: the proxy that runs does not give its listeners.
 */
export type ProxyErrorCode = "socket" | "control" | "take-over";

/** Of the proxy as a process; what connections meet are `NodeJS.ErrnoException`s. */
export class ProxyError extends WeirError<ProxyErrorCode> {}
