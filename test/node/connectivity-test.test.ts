import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import type { ScenarioResult } from "#agent/local/connectivity/scenario.ts";
import { until } from "#agent/local/until.ts";
import { clusterPolicy, labelled } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

/** Whatever a run may leave: on the node, in the agent, on the machine. */
async function traces(): Promise<unknown> {
  const onNode = (...args: string[]): string => mustRunNow(node().namespace.enter(["ip", "-o", ...args]));
  const { client, bpffs } = node();
  return {
    links: onNode("link").replaceAll(/ state .*/g, ""),
    addresses: onNode("address").replaceAll(/ valid_lft.*/g, ""),
    routes: [onNode("-4", "route", "show", "table", "all"), onNode("-6", "route", "show", "table", "all")],
    pins: readdirSync(join(bpffs, "weir"), { recursive: true, encoding: "utf8" }).toSorted(),
    endpoints: await client.endpoints(),
    policies: (await client.policies()).map(({ kind, name }) => `${kind} ${name}`),
  };
}

/** On this machine, of a process. */
function leftOf(pid: number): string[] {
  const named = [...readdirSync("/run/netns"), ...readdirSync(tmpdir())];
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const processes = mustRunNow(["ps", "-e", "-o", "args="]).split("\n");
  return [...named, ...mounts, ...processes].filter((text) => text.includes(`weir-lab-${pid}-`));
}

function start(...args: string[]): {
  pid: number;
  exited: Promise<[number | null, string]>;
  kill: NodeJS.Process["kill"];
} {
  const { lab, runDir } = node();
  const words = ["--run-dir", runDir, "connectivity", "test", ...args];
  // A group of its own, as a terminal's foreground job: Ctrl-C is for all of it.
  const child = spawn(join(lab.dist, "weir"), words, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
  const exited = once(child, "close").then(([code]): [number | null, string] => [code as number | null, text]);
  return { pid: child.pid ?? 0, exited, kill: process.kill.bind(process) };
}

/** Until the test is at work on the node. */
const atWork = (pid: number): Promise<true> =>
  until("its policies", async () =>
    (await node().client.policies()).some(
      ({ kind, namespace }) => kind === "NetworkPolicy" && namespace.startsWith(`weir-test-${pid}-`),
    ),
  );

test("on the agent's node: verdicts with their rules, and afterwards nothing is left", async () => {
  const before = await traces();
  const groups = "no-policy,selectors,ports,spoofing,modes";
  const { code, stdout, stderr } = await node().weir("connectivity", "test", "--group", groups, "-o", "json");
  const results = JSON.parse(stdout) as ScenarioResult[];
  expect([code, results.filter(({ ok }) => !ok)]).toEqual([0, []]);
  // Golden: what scripts rely on.
  const golden = results.find((one) => one.group === "ports" && one.name === "client to server, TCP 8011, IPv4");
  expect(golden).toEqual({
    name: "client to server, TCP 8011, IPv4",
    group: "ports",
    expected: "denied, no ingress rule of NetworkPolicy server allows it",
    seen: "denied, no ingress rule of NetworkPolicy server allows it",
    rule: "none; nearest NetworkPolicy server ingress[1]: port 8011 is not in 8000-8010",
    milliseconds: expect.any(Number),
    ok: true,
    why: null,
  });
  expect(stderr).toContain("left out: modes: asks for what is not every node's; only with --local");
  expect(await traces()).toEqual(before);
});

test("a policy that decides otherwise fails the scenario, by its name, and nothing is left either", async () => {
  const from = [{ pods: { podSelector: labelled("client") } }];
  const policy = clusterPolicy("foreign", "Admin", 1, { ingress: [{ action: "Deny", from }] });
  await node().changeObjects("foreign.yaml", policy);
  const before = await traces();
  const wanted = ["--group", "no-policy", "--test", "client to (server|outside), TCP 80, IPv4"];
  const { code, stdout, stderr } = await node().weir("connectivity", "test", ...wanted, "-o", "json");
  const results = JSON.parse(stdout) as ScenarioResult[];
  expect([code, results.map(({ ok }) => ok)]).toEqual([1, [false, true]]);
  expect(results[0]).toMatchObject({
    seen: "denied by ClusterNetworkPolicy foreign ingress[0]",
    rule: "ClusterNetworkPolicy foreign ingress[0]",
    why: "denied by ClusterNetworkPolicy foreign ingress[0] instead of allowed, no policy applies",
  });
  expect(stderr).toContain("1 of 2 scenarios failed");
  expect(await traces()).toEqual(before);
  await node().changeObjects("foreign.yaml", null);
});

test("Ctrl-C leaves nothing", async () => {
  const before = await traces();
  const run = start("--group", "changes");
  await atWork(run.pid);
  run.kill(-run.pid, "SIGINT");
  const [code, output] = await run.exited;
  expect([code, output]).toEqual([1, expect.not.stringContaining("rror")]);
  expect(leftOf(run.pid)).toEqual([]);
  expect(await traces()).toEqual(before);
});

test("what a killed one leaves on the node is removed by the next", async () => {
  const before = await traces();
  const killed = start("--group", "changes");
  await atWork(killed.pid);
  killed.kill(killed.pid, "SIGKILL");
  await killed.exited;
  expect(await traces()).not.toEqual(before);
  const { code } = await node().weir("connectivity", "test", "--group", "spoofing");
  expect(code).toBe(0);
  expect(leftOf(killed.pid)).toEqual([]);
  expect(await traces()).toEqual(before);
});

test("--local needs no agent, and leaves nothing", async () => {
  const run = start("--local", "--group", "blocks,modes", "-o", "json");
  const [code, output] = await run.exited;
  expect([code, output]).toEqual([0, expect.stringContaining("12 scenarios, all as expected")]);
  expect(leftOf(run.pid)).toEqual([]);
});

test("where policies are not read as by default, it says so instead", async () => {
  await node().client.changeConfig({ audit: "true" });
  const { code, stderr } = await node().weir("connectivity", "test");
  await node().client.changeConfig({ audit: null });
  expect([code, stderr]).toEqual([1, expect.stringContaining("weir config unset audit")]);
});
