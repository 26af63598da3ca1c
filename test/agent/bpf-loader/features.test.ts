import { spawnSync } from "node:child_process";
import { beforeEach, expect, test } from "vitest";
import { probeFeatures } from "bpf-loader";
import { needs, unmet } from "#test/support/requirement.ts";

beforeEach(needs("root"));

test("a kernel that runs these tests lacks nothing, and its tcx is found", () => {
  expect(probeFeatures()).toMatchObject({ missing: [], tcx: unmet("tcx") === undefined });
});

test("without the right to use BPF, that is what is missing", () => {
  const script = 'import { probeFeatures } from "bpf-loader"; process.stdout.write(JSON.stringify(probeFeatures()));';
  const node = [process.execPath, "--input-type=module-typescript", "--eval", script];
  const result = spawnSync("setpriv", ["--bounding-set=-all", "--inh-caps=-all", ...node], { encoding: "utf8" });
  expect(result.stderr).toBe("");
  const { missing } = JSON.parse(result.stdout) as { missing: string[] };
  expect(missing).toHaveLength(1);
  expect(missing[0]).toMatch(/the right to use BPF/);
});
