import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

/** In a process of its own: one that waits for a pipe cannot be told to stop waiting. */
function openReference(path: string): string {
  const { dev: device, ino: inode } = statSync(path);
  const program = `
    import { PodNamespace } from "#agent/net/pod-namespace.ts";
    try { new PodNamespace(${JSON.stringify({ path, pid: 1, fd: 0, device, inode })}); }
    catch (error) { console.log(error.message); }`;
  const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  return signal ?? stdout;
}

test("a named pipe is no namespace, even where a caller says what it is: nobody waits for it", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("pipe");
  execFileSync("mkfifo", [path]);
  expect(openReference(path)).toContain(`open network namespace ${path}: it is not there`);
});
