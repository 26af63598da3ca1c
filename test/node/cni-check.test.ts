import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { settledLinks } from "#test/support/pins.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

async function problemAfter(damage: (pod: LabPod) => void | Promise<unknown>): Promise<string> {
  const pod = await node().addPod({ name: "pod" });
  expect(await pod.check()).toBeNull();
  await damage(pod);
  const error = await pod.check();
  await pod[Symbol.asyncDispose]();
  return error?.msg ?? "no problem";
}

test("CHECK names a program that is not attached, which the agent mends by itself", async () => {
  const pod = await node().addPod({ name: "pod" });
  await settledLinks(node());
  const links = join(node().bpffs, "weir/links");
  const problem = await until("CHECK to see it before it is mended", async () => {
    for (const name of readdirSync(links)) rmSync(join(links, name));
    return (await pod.check())?.msg ?? false;
  });
  expect(problem).toMatch(/program pod_(e|in)gress is not attached to/);
  await until("it to be mended", async () => (await pod.check()) === null);
  await pod[Symbol.asyncDispose]();
});

test("CHECK names a missing route of the node", async () => {
  const problem = await problemAfter((pod) =>
    mustRun(node().namespace.enter(["ip", "route", "delete", `${pod.ipv4}/32`, "dev", pod.hostInterface])),
  );
  expect(problem).toMatch(/route/);
});

test("CHECK names a missing default route of the pod", async () => {
  const problem = await problemAfter((pod) => mustRun(pod.namespace.enter(["ip", "route", "delete", "default"])));
  expect(problem).toMatch(/default route/);
});

test("CHECK names an interface that is gone", async () => {
  const problem = await problemAfter((pod) => mustRun(pod.namespace.enter(["ip", "link", "delete", pod.ifName])));
  expect(problem).toMatch(/interface eth0 is missing/);
});
