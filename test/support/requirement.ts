import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { join, resolve } from "node:path";
import { serverProgram } from "./store-server.ts";

const root = resolve(import.meta.dirname, "../..");

/** The browser itself: what stands in /usr/bin is a script that reads settings of this machine. */
export const chromium = "/usr/lib/chromium/chromium";

function kernelIsAtLeast(major: number, minor: number): boolean {
  const [a = 0, b = 0] = release().split(".").map(Number);
  return a > major || (a === major && b >= minor);
}

/** What a test may need of the machine: whether it is there, and what is said when it is not. */
const requirements = {
  root: { reason: "needs root", met: () => process.getuid?.() === 0 },
  namespaces: {
    reason: "needs the right to make network namespaces",
    met: () => spawnSync("unshare", ["--net", "true"]).status === 0,
  },
  dist: { reason: "needs dist/weir: npm run build", met: () => existsSync(join(root, "dist/weir")) },
  etcd: { reason: "needs etcd: .dev/servers.mjs brings it", met: () => serverProgram("etcd") !== null },
  consul: { reason: "needs consul: .dev/servers.mjs brings it", met: () => serverProgram("consul") !== null },
  promtool: { reason: "needs promtool: .dev/servers.mjs brings it", met: () => serverProgram("promtool") !== null },
  chromium: { reason: "needs the Debian package chromium", met: () => existsSync(chromium) },
  tcx: { reason: "needs Linux 6.6: tcx", met: () => kernelIsAtLeast(6, 6) },
} as const satisfies Record<string, { reason: string; met: () => boolean }>;

export type Requirement = keyof typeof requirements;

/** The reason why a test cannot run on this machine, or undefined when it can. */
export function unmet(...wanted: readonly Requirement[]): string | undefined {
  const missing = wanted.find((name) => !requirements[name].met());
  return missing === undefined ? undefined : requirements[missing].reason;
}

/**
 * Skips each test of a file, with the reason, on a machine that lacks something:
 * `beforeEach(needs("root", "tcx"))`.
 */
export function needs(...wanted: readonly Requirement[]): (context: { skip(note?: string): void }) => void {
  const reason = unmet(...wanted);
  return (context) => {
    if (reason !== undefined) context.skip(reason);
  };
}
