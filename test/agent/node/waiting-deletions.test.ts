import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type DeleteRequest, deleteRequestFolder, deleteRequestPath } from "#agent/api/delete-request.ts";
import { hasWaitingDeletions, replayDeletions } from "#agent/node/waiting-deletions.ts";
import { removeFile } from "#agent/runtime/files.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

/** Leaves requests as the plugin does; gives what replays them, and what that released. */
function waiting(runDir: string, containers: readonly string[], released: (container: string) => void = () => {}) {
  mkdirSync(deleteRequestFolder(runDir), { recursive: true });
  const requests = containers.map((containerId): DeleteRequest => {
    return { version: 1, containerId, ifName: "eth0", kind: "interface", time: "2026-11-27T00:00:00Z" };
  });
  for (const request of requests) writeFileSync(deleteRequestPath(runDir, request), JSON.stringify(request));
  const done: string[] = [];
  const release = async (container: string): Promise<boolean> => {
    done.push(container);
    released(container);
    return true;
  };
  const parts = { config: { runDir }, endpoints: { release }, leases: { release: () => {} }, log: { warn: () => {} } };
  return { parts: parts as never, requests, done };
}

test("every waiting DEL is made good, once", async () => {
  using folder = new TemporaryFolder();
  const { parts, done } = waiting(folder.path, ["a", "b"]);
  expect(hasWaitingDeletions(parts)).toBe(true);
  await replayDeletions(parts);
  expect(done.sort()).toEqual(["a", "b"]);
  expect(hasWaitingDeletions(parts)).toBe(false);
});

test("a plugin that takes its request back meanwhile, as it was answered, is no error", async () => {
  using folder = new TemporaryFolder();
  const { parts, requests, done } = waiting(folder.path, ["a", "b"], (container) => {
    for (const request of requests) {
      if (request.containerId !== container) removeFile(deleteRequestPath(folder.path, request));
    }
  });
  await replayDeletions(parts);
  expect(done).toHaveLength(1);
  expect(readdirSync(deleteRequestFolder(folder.path))).toEqual([]);
});
