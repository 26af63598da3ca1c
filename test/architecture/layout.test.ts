import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { root } from "./source-tree.ts";

const allowed =
  /^(package\.json|package-lock\.json|tsconfig\.json|README\.md|LICENSE.*|bpf|agent|cni|policy|test|charts|\..*)$/;

test("the top level holds what the layout names, and nothing else", ({ skip }) => {
  const git = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  if (git.status !== 0) skip("needs git and a clone");
  const names = new Set(git.stdout.split("\0").map((path) => path.split("/")[0] ?? ""));
  expect([...names].filter((name) => name !== "" && !allowed.test(name))).toEqual([]);
});
