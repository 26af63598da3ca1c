/**
 * What the page of `weir ui` costs a browser while flows come: the CPU time of all processes of a
 * Chromium without a screen, so what a graphics card would do, drawing, is in it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { Lab } from "#agent/local/lab.ts";
import { until } from "#agent/local/until.ts";
import { NamespaceBrowser } from "#test/support/browser.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { chromium } from "#test/support/requirement.ts";

/** Flows a second. */
const rate = 1000;
/** Seconds of the measurement. */
const duration = 20;
const address = "127.0.0.1:9966";
/** Ticks of a second in /proc: USER_HZ, 100 on every architecture. */
const ticks = 100;

/** Percent of one core that the page takes at a thousand flows a second. */
export async function pageCpu(): Promise<number> {
  await using lab = await Lab.create();
  const node = LabNode.create(lab, { name: "bench", podCidr: "10.79.0.0/24" });
  node.writeObjects(
    "closed.yaml",
    networkPolicy({ name: "closed", namespace: "b", selects: { app: "db" }, ingress: [] }),
  );
  await node.startAgent({ args: ["--ui-address", address, "--trace-interval", "0s"] });
  const pods: LabPod[] = [];
  for (const name of ["web", "api", "jobs", "db", "cache", "mail"]) {
    pods.push(await node.addPod({ namespace: name < "d" ? "a" : "b", name, labels: { app: name } }));
  }
  const callers = pods.slice(0, 3);
  const sources = callers.map((pod) =>
    source(
      lab,
      pod,
      pods.filter((other) => other !== pod),
    ),
  );
  try {
    await using browser = await NamespaceBrowser.launch(node.namespace);
    const page = await (await browser.context()).newPage();
    await page.goto((await node.client.pageLink()).url);
    // A rate looks ten seconds back.
    const rateOf = async (): Promise<number> =>
      Number(/([\d,.]+) flows\/s/.exec(await page.locator("#state").innerText())?.[1]?.replaceAll(",", ""));
    await until("the flows", async () => (await rateOf()) > 0.8 * rate, { every: 500, within: 60_000 });
    const before = cpuTicks(node.namespace.path);
    await delay(duration * 1000);
    const used = cpuTicks(node.namespace.path) - before;
    return (100 * used) / ticks / duration;
  } finally {
    for (const child of sources) child.kill("SIGKILL");
  }
}

function source(lab: Lab, pod: LabPod, targets: readonly LabPod[]): ChildProcess {
  const script = join(import.meta.dirname, "flow-source.ts");
  const addresses = targets.map(({ ipv4 }) => ipv4);
  const command = pod.namespace.enter([process.execPath, script, String(Math.ceil(rate / 3)), ...addresses]);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: "ignore" });
  lab.track(child.pid ?? 0);
  return child;
}

/** CPU time of the browser's processes in a network namespace. */
function cpuTicks(namespace: string): number {
  const { ino } = statSync(namespace);
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.reduce((sum, pid) => sum + ticksOf(pid, ino), 0);
}

/** Zero for a process that is another one's, or gone. */
function ticksOf(pid: string, namespace: number): number {
  try {
    if (readlinkSync(`/proc/${pid}/exe`) !== chromium || statSync(`/proc/${pid}/ns/net`).ino !== namespace) return 0;
    // Behind the name, which may hold anything: utime and stime are fields 14 and 15 of proc_pid_stat(5).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0; // kernel threads have no program, and processes end
  }
}
