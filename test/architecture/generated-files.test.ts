import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildBpf } from "#bpf/build.ts";
import { root } from "./source-tree.ts";

test("the committed layouts and messages are what the C headers and the *.proto say", () => {
  buildBpf();
  const check = spawnSync(process.execPath, [join(root, ".dev/gen.ts"), "--check"], { cwd: root, encoding: "utf8" });
  expect(`${check.stdout}${check.stderr}`).toBe("");
  expect(check.status).toBe(0);
});
