import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { claimRunDir, runningAgent } from "#agent/api/run-dir.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { ApiFixture } from "./api-fixture.ts";

test("a second agent is refused and told who has it", async () => {
  using folder = new TemporaryFolder();
  await using _claim = await claimRunDir(folder.path);
  expect(await runningAgent(folder.path)).toEqual({ pid: process.pid });
  await expect(claimRunDir(folder.path)).rejects.toThrow(
    `the agent with process id ${process.pid} has it; stop that one or use another --run-dir`,
  );
});

test("the file holds the process id alone, and goes with the claim", async () => {
  using folder = new TemporaryFolder();
  const claim = await claimRunDir(folder.join("run"));
  const path = folder.join("run/agent.pid");
  expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
  await claim[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
});

test("a dead agent's file is replaced, also when its number belongs to another process now", async () => {
  using folder = new TemporaryFolder();
  const other = spawn("sleep", ["1000"]);
  await once(other, "spawn");
  for (const pid of [other.pid, 2 ** 22 + 1, "rubbish"]) {
    writeFileSync(folder.join("agent.pid"), `${pid}\n`);
    await using _claim = await claimRunDir(folder.path);
    expect(await runningAgent(folder.path)).toEqual({ pid: process.pid });
  }
  other.kill();
});

test("an agent without a pid file is known by its socket", async () => {
  await using api = await ApiFixture.start();
  await expect(claimRunDir(api.runDir)).rejects.toThrow("another agent answers on its socket");
});
