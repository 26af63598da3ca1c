import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { type Calls, pickPoint, readCalls, stoppedAt, traced } from "./crash-points.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import type { Runtime } from "./runtime.ts";

const rounds = sized({ short: 6, long: 100 });
const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

const node = useNode({ podCidr: "10.76.0.0/16,fd00:76::/64" });
usePods(node, ["client"]);

let runtime: Runtime;
let before: NodeState;
let calls: Calls;

prepare(async () => {
  runtime = runtimeOf(node());
  using container = makeContainer(node(), "client");
  const file = join(node().folder, "trace");
  const reply = await runtime.call(
    "ADD",
    "weir-cni",
    runtime.variables(container),
    runtime.config(container),
    traced(file),
  );
  expect(reply.exitCode).toBe(0);
  calls = readCalls(file);
  await runtime.delete(container);
  before = await nodeState(node());
});

/** The process whose environment names a container, stopped under a tracer; false: there is none. */
function stoppedProcess(containerId: string): number | false {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const isPlugin = readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("weir-cni");
      if (!isPlugin || !readFileSync(`/proc/${pid}/environ`, "utf8").includes(`=${containerId}\0`)) continue;
      if (/^\d+ \(.*\) [tT] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) return Number(pid);
    } catch (error) {
      // Gone while it was looked at.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return false;
}

/** Lets a stopped process go on; false, for there is more to wait for. */
function resume(containerId: string): false {
  const pid = stoppedProcess(containerId);
  try {
    if (pid !== false) process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  return false;
}

test(`a network namespace that vanishes in the middle of ADD is an error or a success, and DEL leaves nothing, seed ${seed}`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const container = makeContainer(node(), "client");
    const point = pickPoint(calls, random);
    const config = runtime.config(container);
    const added = runtime.call("ADD", "weir-cni", runtime.variables(container), config, stoppedAt(point));
    let ended = false;
    const end = () => void (ended = true);
    added.then(end, end);
    try {
      await until("the plugin to stop", () => ended || stoppedProcess(container.containerId) !== false);
      container[Symbol.dispose]();
    } finally {
      // Again and again: what looked like the stop may have been one of strace's own, before it.
      await until("the plugin to end", () => ended || resume(container.containerId));
    }
    const { error, killed } = await added;
    expect([point, killed]).toEqual([point, false]);
    // Nobody's fault but the runtime's: no code says that the plugin itself is broken.
    expect([point, error?.code ?? 0]).not.toEqual([point, 199]);
    await runtime.delete(container);
    await expectState(node(), before, `a namespace that went at ${point.call} ${point.nth} of ADD`);
  }
}, 3_600_000);
