import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { needs } from "#test/support/requirement.ts";

const script = resolve(import.meta.dirname, "../../agent/local/playground.ts");

beforeEach(needs("root", "namespaces", "dist"));

interface Run {
  readonly pid: number;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
  readonly interrupt: () => void;
}

function start(...args: string[]): Run {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
  const exited = once(child, "close").then(([code]) => code as number | null);
  return { pid: child.pid ?? 0, output: () => text, exited, interrupt: () => void child.kill("SIGINT") };
}

/** Whatever on this machine still has the process's number in its name. */
function leftovers(pid: number): string[] {
  const named = [...readdirSync("/run/netns"), ...readdirSync(tmpdir())];
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return [...named, ...mounts].filter((text) => text.includes(`weir-lab-${pid}-`));
}

test("--once shows every verdict with its rule and place, and leaves nothing", async () => {
  const run = start("--once");
  expect([await run.exited, run.output()]).toEqual([0, expect.stringContaining("13 of 13 flows")]);
  expect(run.output()).toMatch(
    /allowed .*shop\/client -> shop\/server .*TCP 8080 .*shop\/client egress\[0\] \(client\.yaml:\d+\)/,
  );
  expect(run.output()).toMatch(
    /denied .*shop\/intruder -> shop\/server .*nearest NetworkPolicy shop\/server ingress\[0\] \(server\.yaml:\d+\)/,
  );
  expect(run.output()).toMatch(
    /allowed .*HTTP\/1.1 GET http.*\/public\/prices .*shop\/web ingress\[0\] \(web\.yaml:\d+\)/,
  );
  expect(run.output()).toMatch(
    /denied .*HTTP\/1.1 POST http.*\/public\/prices .*nearest CiliumNetworkPolicy shop\/web /,
  );
  expect(leftovers(run.pid)).toEqual([]);
});

test("goes on until Ctrl-C, which leaves nothing either", async () => {
  const run = start();
  await until("the first flow", () => run.output().includes("shop/client -> shop/server"));
  run.interrupt();
  expect([await run.exited, run.output()]).toEqual([0, expect.not.stringContaining("rror")]);
  expect(leftovers(run.pid)).toEqual([]);
});

test("what a killed one leaves is removed by the next", async () => {
  const killed = start();
  await until("the node", () => killed.output().includes("is ready"));
  process.kill(killed.pid, "SIGKILL");
  await killed.exited;
  expect(leftovers(killed.pid)).not.toEqual([]);
  const { Lab } = await import("#agent/local/lab.ts");
  await (await Lab.create())[Symbol.asyncDispose]();
  expect(leftovers(killed.pid)).toEqual([]);
});
