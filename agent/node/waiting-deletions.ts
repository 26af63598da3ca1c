import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DeleteRequest,
  deleteRequestFolder,
  parseDeleteRequest,
  unfinishedBy,
} from "#agent/api/delete-request.ts";
import { isErrno } from "#agent/runtime/errors.ts";
import { removeFile } from "#agent/runtime/files.ts";
import type { NodeParts } from "./parts.ts";

type Parts = Pick<NodeParts, "config" | "log"> & {
  readonly endpoints: Pick<NodeParts["endpoints"], "release">;
  readonly leases: Pick<NodeParts["leases"], "release">;
};

/** Whether plugins have left anything. */
export function hasWaitingDeletions({ config }: Pick<Parts, "config">): boolean {
  return listFolder(deleteRequestFolder(config.runDir)).length > 0;
}

/**
 * Releases what DEL asked for while no agent answered, or one that had too much to do. To be called in a change.
 * One that fails keeps neither the others nor the agent: it waits on.
 */
export async function replayDeletions(parts: Parts): Promise<void> {
  const folder = deleteRequestFolder(parts.config.runDir);
  for (const name of listFolder(folder)) {
    try {
      await replay(parts, folder, name);
    } catch (error) {
      parts.log.warn({ err: error, file: name }, "a waiting DEL could not be made good; it is tried again");
    }
  }
}

async function replay(parts: Parts, folder: string, name: string): Promise<void> {
  const writer = unfinishedBy(name);
  // A plugin that lives still gives the file its name.
  if (writer !== undefined && !existsSync(`/proc/${writer}`)) removeFile(join(folder, name), { durable: false });
  const text = name.endsWith(".json") ? readIfThere(join(folder, name)) : null;
  if (text === null) return;
  const parsed = parseDeleteRequest(text);
  if (parsed.ok) await release(parts, parsed.request);
  else parts.log.warn({ file: name, reason: parsed.error }, "a waiting DEL is malformed; it is dropped");
  removeFile(join(folder, name));
}

async function release({ endpoints, leases }: Parts, request: DeleteRequest): Promise<void> {
  if (request.kind === "ipam") leases.release(request);
  else await endpoints.release(request.containerId, request.ifName);
}

/** Null: it is void meanwhile, since an ADD of the same attachment came. */
function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
