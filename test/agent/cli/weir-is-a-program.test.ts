import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { version } from "#agent/api/version.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { flow } from "#test/agent/api/fake-views.ts";

const root = resolve(import.meta.dirname, "../../..");
const program = join(root, "agent/cli/main.ts");

test("it prints its version, which is the package's", async () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(version).toBe(manifest.version);
  const child = spawn(process.execPath, [program, "version", "-o", "json"]);
  expect(JSON.parse(await text(child.stdout))).toEqual({ version, node: process.version });
});

test("a reader that has seen enough is no failure", async () => {
  const read = async function* () {
    for (;;) yield Array.from({ length: 256 }, () => flow);
  };
  await using api = await ApiFixture.start({ flows: { read } });
  const child = spawn(process.execPath, [program, "--run-dir", api.runDir, "observe", "--follow"]);
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("an interrupted follower ends well", async () => {
  const read = async function* (_: unknown, signal: AbortSignal) {
    yield [flow];
    await once(signal, "abort");
  };
  await using api = await ApiFixture.start({ flows: { read } });
  const child = spawn(process.execPath, [program, "--run-dir", api.runDir, "observe", "--follow", "-o", "json"]);
  await once(child.stdout, "data");
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a follower whose agent goes away says so", async () => {
  const api = await ApiFixture.start({
    flows: {
      read: async function* () {
        yield [flow];
      },
    },
  });
  const child = spawn(process.execPath, [program, "--run-dir", api.runDir, "observe", "--follow"]);
  const stderr = text(child.stderr);
  expect(await once(child, "exit")).toEqual([3, null]);
  expect(await stderr).toContain("weir observe: the agent has stopped");
  await api[Symbol.asyncDispose]();
});
