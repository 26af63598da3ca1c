/**
 * One life of what installs or uninstalls, killed (SIGKILL) before its n-th system call that
 * changes a file; where that is a write, after half of it. Prints how many there were when it
 * reaches its end.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { CniInstallOptions } from "#agent/install/cni-install.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { silentLog } from "#test/support/silent-log.ts";

const [task = "", options = "", killAt = ""] = process.argv.slice(2);
let calls = 0;

/** Null: the process goes on; else it ends here. */
function count(half?: () => void): void {
  calls += 1;
  if (calls !== Number(killAt)) return;
  half?.();
  process.kill(process.pid, "SIGKILL");
  // The signal comes at the latest when this thread sleeps.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const changing = ["fsyncSync", "fchmodSync", "renameSync", "linkSync", "rmSync", "rmdirSync", "mkdirSync"] as const;
for (const name of changing) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      count();
      return original(...args);
    },
  });
}
const { openSync, writeSync } = fs;
fs.openSync = (path, flags, mode) => {
  if (typeof flags === "string" && /^[wa]/.test(flags)) count();
  return openSync(path, flags, mode);
};
Object.assign(fs, {
  writeSync: (descriptor: number, bytes: Uint8Array, offset: number, length: number) => {
    count(() => void writeSync(descriptor, bytes, offset, length >> 1));
    return writeSync(descriptor, bytes, offset, length);
  },
});
syncBuiltinESMExports();

const { CniInstall } = await import("#agent/install/cni-install.ts");
const { uninstall } = await import("#agent/install/uninstall.ts");
const parsed = JSON.parse(options) as Omit<CniInstallOptions, "clock" | "log">;
if (task === "uninstall") {
  const { problems } = uninstall(parsed.stateDir);
  if (problems.length > 0) throw new Error(problems.join("\n"));
} else {
  const install = new CniInstall({ ...parsed, clock: new FakeClock(), log: silentLog() });
  await install.look();
  if (install.problems.length > 0) throw new Error(install.problems.join("\n"));
}
process.stdout.write(String(calls));
