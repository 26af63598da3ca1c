/**
 * - `missing-interface`: there is no device of that name.
 * - `socket`: a socket could not be made or used.
 * - `netns`: a network namespace could not be entered.
 * - `netns-lost`: the thread could not go back to its own namespace; the process must not go on.
 * - `lock`: a folder could not be locked, for another reason than that somebody has it.
 * - `sysctl`: a setting under /proc/sys could not be read or written.
 */
export type NetErrorCode = "missing-interface" | "socket" | "netns" | "netns-lost" | "lock" | "sysctl";

export class NetError extends Error {
  override readonly name = "NetError";
  readonly code: NetErrorCode;

  constructor(code: NetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
