/** What stands for a value that is not told. */
export const REDACTED = "[redacted]";

/** Headers whose values say nothing of who somebody is, and open no door. */
const harmless: ReadonlySet<string> = new Set([
  "accept",
  "content-type",
  "grpc-timeout",
  "host",
  "server",
  "te",
  "upgrade",
  "user-agent",
  "x-request-id",
]);

/**
 * A header's value as it is told of.
 *
 * @param name in lower case.
 * @param shown further names whose values are told.
 */
export function toldValue(name: string, value: string, shown: ReadonlySet<string> | undefined): string {
  return harmless.has(name) || shown?.has(name) === true ? value : REDACTED;
}
