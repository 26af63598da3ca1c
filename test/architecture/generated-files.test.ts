import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildBpf } from "#bpf/build.ts";
import { root } from "./source-tree.ts";

test("the committed layouts are what the C headers say", () => {
  buildBpf();
  const check = spawnSync(process.execPath, [join(root, "bpf/gen.ts"), "--check"], { cwd: root, encoding: "utf8" });
  expect(`${check.stdout}${check.stderr}`).toBe("");
  expect(check.status).toBe(0);
});
