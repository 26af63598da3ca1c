/**
 * A delete request is what DEL leaves behind when no agent answers, or one that is too busy: one JSON file in
 * `<runDir>/deleted/`, named after the attachment's host interface, so that a repeated
 * DEL overwrites it. `cni/absent.c` writes it. The agent works through the folder when it
 * starts and every second from then on, and removes a file after the release.
 *
 * An ADD of the same attachment makes a waiting request void: the agent removes the
 * file when it creates the attachment.
 */
import * as z from "zod";
import { hostInterfaceName } from "./host-interface.ts";

/** What is to be released: an interface that `weir-cni` attached, or the addresses that `weir-ipam` gave. */
const deleteKind = z.enum(["interface", "ipam"]);
export type DeleteKind = z.infer<typeof deleteKind>;

const deleteRequest = z.object({
  version: z.literal(1),
  containerId: z.string().min(1),
  ifName: z.string().min(1),
  kind: deleteKind.default("interface"),
  /** When DEL was called: RFC 3339, in UTC. */
  time: z.iso.datetime(),
});
export type DeleteRequest = z.infer<typeof deleteRequest>;

/** The folder of the waiting requests. */
export function deleteRequestFolder(runDir: string): string {
  return `${runDir}/deleted`;
}

/** The file of one attachment's request. Other names in the folder are unfinished writes. */
export function deleteRequestPath(
  runDir: string,
  { containerId, ifName, kind }: Pick<DeleteRequest, "containerId" | "ifName" | "kind">,
): string {
  const name = hostInterfaceName(containerId, ifName);
  return `${deleteRequestFolder(runDir)}/${name}${kind === "ipam" ? ".ipam" : ""}.json`;
}

/** The number of the process that writes a request to a file of this name; undefined: it is no unfinished write. */
export function unfinishedBy(name: string): number | undefined {
  const [, pid] = /\.json\.(\d+)$/.exec(name) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** Reads a request's text; the file may be of another version, cut short or not ours. */
export function parseDeleteRequest(text: string): { ok: true; request: DeleteRequest } | { ok: false; error: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, error: `not JSON: ${(error as Error).message}` };
  }
  const result = deleteRequest.safeParse(value);
  if (result.success) return { ok: true, request: result.data };
  return {
    ok: false,
    error: result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
  };
}
