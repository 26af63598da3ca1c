/**
 * A delete request is what DEL leaves behind when no agent answers: one JSON file in
 * `<runDir>/deleted/`, named after the attachment's host interface, so that a repeated
 * DEL overwrites it. The agent works through the folder when it starts and again once
 * it listens, and removes a file after the release.
 *
 * An ADD of the same attachment makes a waiting request void: the agent removes the
 * file when it creates the attachment.
 */
import { hostInterfaceName } from "./host-interface.ts";

export interface DeleteRequest {
  readonly containerId: string;
  readonly ifName: string;
  /** When DEL was called: RFC 3339, in UTC. */
  readonly time: string;
}

/** The folder of the waiting requests. */
export function deleteRequestFolder(runDir: string): string {
  return `${runDir}/deleted`;
}

/** The file of one attachment's request. Other names in the folder are unfinished writes. */
export function deleteRequestPath(runDir: string, containerId: string, ifName: string): string {
  return `${deleteRequestFolder(runDir)}/${hostInterfaceName(containerId, ifName)}.json`;
}

export function encodeDeleteRequest(request: DeleteRequest): string {
  return `${JSON.stringify({ version: 1, ...request })}\n`;
}

/** Reads a request's text; the file may be of another version, cut short or not ours. */
export function parseDeleteRequest(text: string): { ok: true; request: DeleteRequest } | { ok: false; error: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, error: `not JSON: ${(error as Error).message}` };
  }
  if (typeof value !== "object" || value === null) return { ok: false, error: "not an object" };
  const { version, containerId, ifName, time } = value as Record<string, unknown>;
  if (version !== 1) return { ok: false, error: `version ${String(version)} is not 1` };
  if (typeof containerId !== "string" || containerId === "") return { ok: false, error: "containerId is missing" };
  if (typeof ifName !== "string" || ifName === "") return { ok: false, error: "ifName is missing" };
  if (typeof time !== "string" || Number.isNaN(Date.parse(time))) return { ok: false, error: "time is not a time" };
  return { ok: true, request: { containerId, ifName, time } };
}
