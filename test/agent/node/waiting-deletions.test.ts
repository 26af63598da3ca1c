import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
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

test("a request that is void meanwhile, as its container was added anew, is no error", async () => {
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

test("one that fails keeps neither the others nor the agent, and waits on", async () => {
  using folder = new TemporaryFolder();
  let isBroken = true;
  const { parts, requests, done } = waiting(folder.path, ["a", "b", "c"], (container) => {
    if (container === "b" && isBroken) throw new Error("the device is busy");
  });
  mkdirSync(`${deleteRequestFolder(folder.path)}/no-file.json`);
  await replayDeletions(parts);
  expect(done.toSorted()).toEqual(["a", "b", "c"]);
  const left = requests
    .filter(({ containerId }) => containerId === "b")
    .map((one) => basename(deleteRequestPath("", one)));
  expect(readdirSync(deleteRequestFolder(folder.path)).toSorted()).toEqual([...left, "no-file.json"].toSorted());
  isBroken = false;
  await replayDeletions(parts);
  expect(done.filter((container) => container === "b")).toHaveLength(2);
});
