import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** What a test needs of the machine, by name; gives the reason when it is not there. */
const requirements = {
  root: () => (process.getuid?.() === 0 ? undefined : "needs root"),
  "network namespaces": () =>
    spawnSync("unshare", ["--net", "true"]).status === 0 ? undefined : "needs the right to make network namespaces",
  dist: () => (existsSync(join(root, "dist/weir")) ? undefined : "needs dist/weir: npm run build"),
  tcx: () => (kernelIsAtLeast(6, 6) ? undefined : "needs Linux 6.6: tcx"),
} as const satisfies Record<string, () => string | undefined>;

export type Requirement = keyof typeof requirements;

function kernelIsAtLeast(major: number, minor: number): boolean {
  const release = process.report.getReport() as { header: { osRelease: string } };
  const [a = 0, b = 0] = release.header.osRelease.split(".").map(Number);
  return a > major || (a === major && b >= minor);
}

/**
 * Skips a test, with the reason, on a machine that lacks something:
 * `beforeEach(needs("root", "tcx"))`.
 */
export function needs(...wanted: readonly Requirement[]): (context: { skip(note?: string): void }) => void {
  return (context) => {
    for (const name of wanted) {
      const reason = requirements[name]();
      if (reason !== undefined) context.skip(reason);
    }
  };
}
