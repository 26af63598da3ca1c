/**
 * What it costs that requests are looked at. All rounds of a ratio are interleaved, and CPU time is that of all processes of the proxy;
 * HAProxy, with one thread, asks the same of requests and stands in the same place, on the node between client and server.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Lab } from "#agent/local/lab.ts";
import { until } from "#agent/local/until.ts";
import { HttpLoad } from "#test/support/http-load.ts";
import { startNextProxy } from "#test/support/next-proxy.ts";
import { DnsLoad } from "./dns-load.ts";
import { exitOnSignals } from "./exit-on-signals.ts";
import { IdleClient } from "./idle-client.ts";
import { dnsCases } from "./l7-dns.ts";
import { slowConnectionsRatio } from "./l7-slow.ts";
import { type L7Scene, l7Scene, path, ports } from "./l7-scene.ts";
import { cpuTime, processTree, residentSet } from "./process-usage.ts";
import { type BenchResult, median } from "./result.ts";
import { runWrk, type WrkResult } from "./wrk.ts";

const rounds = 9;
const seconds = 2;
const agentRestarts = 20;
const upgrades = 5;
const idleConnections = 10_000;

type Way = keyof L7Scene["urls"];
const ways: readonly Way[] = ["weir", "haproxy", "node", "direct"];

/** Of one run of wrk by one way. */
interface Sample extends WrkResult {
  readonly perCpuSecond: number;
}

/** One result of each way for every round, each round in another order. */
async function interleaved(scene: L7Scene, connections: number): Promise<Record<Way, Sample>[]> {
  const weir = processTree(await proxyPid(scene));
  const pids: Record<Way, number[]> = { weir, haproxy: [scene.haproxy.pid], node: [scene.nodeProxy.pid], direct: [] };
  const samples: Record<Way, Sample>[] = [];
  for (let round = 0; round <= rounds; round++) {
    const of = {} as Record<Way, Sample>;
    for (const [index] of ways.entries()) {
      const way = ways[(index + round) % ways.length] as Way;
      const before = sum(pids[way], cpuTime);
      const result = await runWrk(scene.client.namespace, { url: scene.urls[way], connections, seconds });
      if (result.failures > 0) throw new Error(`bench ${way}: ${result.failures} requests failed`);
      of[way] = { ...result, perCpuSecond: result.requests / ((sum(pids[way], cpuTime) - before) / 1e9) };
    }
    samples.push(of);
  }
  // The first one is for warming up.
  return samples.slice(1);
}

async function proxyPid({ node }: L7Scene): Promise<number> {
  const { pid } = (await node.client.status()).proxy;
  if (pid === null) throw new Error("bench: there is no proxy");
  return pid;
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}

const result = (name: string, value: number, unit: string, runs: number, target: number | null = null): BenchResult => {
  return { suite: "l7", case: name, value, unit, target, runs };
};
const atLeast = (one: BenchResult): BenchResult => ({ ...one, least: true });

async function requestCases(scene: L7Scene): Promise<BenchResult[]> {
  const many = await interleaved(scene, 32);
  const ratio = (of: (sample: Sample) => number, other: Way, samples: readonly Record<Way, Sample>[]): number =>
    median(samples.map((round) => of(round.weir) / of(round[other])));
  const efficiency = ({ perCpuSecond }: Sample): number => perCpuSecond;
  const results = [
    atLeast(result("proxy-haproxy-ratio", ratio(efficiency, "haproxy", many), "ratio", rounds, 0.6)),
    atLeast(result("proxy-node-http-ratio", ratio(efficiency, "node", many), "ratio", rounds, 2.5)),
    atLeast(
      result(
        "kernel-http-ratio",
        ratio(({ rate }) => rate, "direct", many),
        "ratio",
        rounds,
      ),
    ),
    ...(["weir", "haproxy", "node"] as const).map((way) =>
      result(
        `requests-per-cpu-second-${way}`,
        median(many.map((round) => round[way].perCpuSecond)),
        "requests/s",
        rounds,
      ),
    ),
  ];
  const one = await interleaved(scene, 1);
  // What the proxy adds to what the way without one takes.
  const added = (way: Way): number => median(one.map((round) => round[way].p50 - round.direct.p50));
  return [
    ...results,
    result("latency-haproxy-ratio", added("weir") / added("haproxy"), "ratio", rounds, 1.3),
    result("latency-added-p50", added("weir"), "us", rounds),
  ];
}

/** Bytes that all processes of the proxy grow by for each connection that has had one request and is idle. */
async function idleMemory(scene: L7Scene): Promise<BenchResult> {
  await startNextProxy(scene.node, "--connections-per-client", String(2 * idleConnections));
  const tree = processTree(await proxyPid(scene));
  const target = { address: scene.server.ipv4, port: ports.l7, path };
  {
    await using _warm = await IdleClient.open(scene.client, { ...target, count: 500 });
  }
  await delay(1_000);
  const before = sum(tree, residentSet);
  await using _idle = await IdleClient.open(scene.client, { ...target, count: idleConnections });
  await delay(1_000);
  const grown = sum(tree, residentSet) - before;
  return result("idle-connection-memory", (grown * 1024) / idleConnections, "KB", 1, 20);
}

/** Requests of 32 connections, and queries for names, that were not answered as they should, over restarts of the agent and changes of proxies. */
async function restartFailures(scene: L7Scene): Promise<BenchResult[]> {
  await using names = new DnsLoad(scene.client, scene.server.ipv4);
  await using load = new HttpLoad(scene.client, {
    address: scene.server.ipv4,
    port: ports.l7,
    path,
    connections: 32,
  });
  await load.more(100);
  for (let restart = 0; restart < agentRestarts; restart++) {
    await scene.node.agent.stop();
    await scene.node.startAgent();
  }
  for (let upgrade = 0; upgrade < upgrades; upgrade++) {
    await startNextProxy(scene.node);
    await until("the earlier proxy's end", async () => (await scene.node.client.status()).proxy.draining === 0);
    await load.more(100);
  }
  const { statuses, failures } = await load.report();
  const wrong = Object.entries(statuses).filter(([status]) => status !== "200");
  const failed = [...wrong, ...Object.entries(failures)].reduce((total, [, count]) => total + count, 0);
  const runs = agentRestarts + upgrades;
  return [
    result("restart-failures", failed, "requests", runs, 0),
    result("dns-restart-failures", (await names.report()).failed, "queries", runs, 0),
  ];
}

export async function suite(): Promise<BenchResult[]> {
  using _signals = exitOnSignals();
  await using lab = await Lab.create();
  const scene = await l7Scene(lab);
  return [
    ...(await requestCases(scene)),
    ...(await dnsCases(scene)),
    await slowConnectionsRatio(scene),
    ...(await restartFailures(scene)),
    await idleMemory(scene),
  ];
}
