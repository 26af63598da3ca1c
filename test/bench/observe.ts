/**
 * What it costs to see: how many flows the agent makes of events, how its API answers while events flood it, and
 * what an observer costs the traffic that it looks at. The agent is a real one, with its ring buffer and socket.
 */
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { Lab } from "#agent/local/lab.ts";
import { until } from "#agent/local/until.ts";
import { deviceOf, EventSource, frameOf } from "#test/support/event-source.ts";
import { exitOnSignals } from "./exit-on-signals.ts";
import { lanePolicies, lanePort } from "./lane-policies.ts";
import { podLane } from "./lane.ts";
import { pageCpu } from "./observe-page.ts";
import { cpuTime, residentSet } from "./process-usage.ts";
import { type BenchResult, median } from "./result.ts";

/** Flows of one round: less than the kernel's ring holds. */
const perRound = 9_000;
const rounds = 19;
const floodSeconds = 12;
const floodRate = 1_000_000;
const crrRounds = 41;
const crrCount = 1_500;

interface Scene {
  readonly node: LabNode;
  readonly client: LabPod;
  readonly server: LabPod;
  readonly source: EventSource;
}

async function scene(lab: Lab): Promise<Scene> {
  const node = LabNode.create(lab, { name: "observed", podCidr: "10.76.0.0/24" });
  node.writeObjects("bench.json", JSON.stringify(lanePolicies));
  await node.startAgent();
  const add = async (name: string) => node.addPod({ namespace: "bench", name, labels: { app: name } });
  const [client, server] = [await add("client"), await add("server")];
  return { node, client, server, source: await EventSource.start(node) };
}

/** Reads flows as they come, and counts the lines. */
async function follow(node: LabNode, signal: AbortSignal): Promise<{ lines: number }> {
  const counted = { lines: 0 };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const asked = request({ socketPath: agentSocket(node.runDir), path: "/v1/flows?follow=true", signal }, (response) => {
    response.on("data", (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) counted.lines++;
    });
    response.on("error", () => {});
    resolve();
  });
  asked.on("error", reject);
  asked.end();
  await promise;
  return counted;
}

/** Denied packets, first packets, and answers to them. */
async function makeFlows({ client, server, source, node }: Scene, round: number): Promise<void> {
  const numbers = Array.from({ length: perRound / 3 }, (_, i) => 1024 + ((round * (perRound / 3) + i) % 60_000));
  const [atClient, atServer] = [await deviceOf(node, client), await deviceOf(node, server)];
  await source.run({ ifindex: atClient, frames: numbers.map((port) => frameOf(client, server, [port, 81], "SYN")) });
  await source.run({
    ifindex: atClient,
    frames: numbers.map((port) => frameOf(client, server, [port, lanePort], "SYN")),
  });
  await source.run({
    ifindex: atServer,
    frames: numbers.map((port) => frameOf(server, client, [lanePort, port], "SYN", "ACK")),
  });
}

/** Flows, from the ring buffer to JSON on the socket, that the agent makes in a second of CPU time. */
async function flowsPerSecond(here: Scene): Promise<number> {
  using stop = stopper();
  const counted = await follow(here.node, stop.signal);
  const { pid } = here.node.agent;
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const wanted = counted.lines + perRound;
    const before = cpuTime(pid);
    await makeFlows(here, round);
    await until("all flows", () => counted.lines >= wanted, { every: 5 });
    samples.push(perRound / ((cpuTime(pid) - before) / 1e9));
  }
  return median(samples.slice(3));
}

interface Flood {
  readonly p99: number;
  readonly rate: number;
  /** Share of one CPU. */
  readonly cpu: number;
  /** MB that the agent has grown by. */
  readonly growth: number;
}

/** How long calls take while denied packets come by the million; what is seen and what is lost is all there was. */
async function flood({ node, client, server, source }: Scene): Promise<Flood> {
  const ifindex = await deviceOf(node, client);
  const before = await tally(node);
  const { pid } = node.agent;
  const [memory, cpu, begin] = [residentSet(pid), cpuTime(pid), performance.now()];
  const end = { isOver: false };
  const order = {
    ifindex,
    flood: frameOf(client, server, [40_000, 81], "SYN"),
    perSecond: floodRate,
    packets: floodRate * floodSeconds,
  };
  const made = source.run(order).finally(() => (end.isOver = true));
  const times: number[] = [];
  while (!end.isOver) {
    const asked = performance.now();
    await (times.length % 2 === 0 ? node.client.status() : node.client.endpoints());
    times.push(performance.now() - asked);
    await delay(5);
  }
  const elapsed = (performance.now() - begin) / 1000;
  const used = (cpuTime(pid) - cpu) / 1e9 / elapsed;
  const packets = await made;
  await until("all events", async () => {
    const after = await tally(node);
    if (after.dropped - before.dropped !== packets)
      throw new Error(`${after.dropped - before.dropped} of ${packets} drops`);
    const told = after.seen - before.seen + after.lost - before.lost;
    if (told > packets) throw new Error(`bench flood: ${told} events seen or lost, of ${packets}`);
    return told === packets;
  });
  const sorted = times.toSorted((a, b) => a - b);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  return { p99, rate: packets / elapsed, cpu: used, growth: residentSet(pid) - memory };
}

/** Drops by policy as the datapath counted them, and events of them. */
async function tally({ client }: LabNode): Promise<{ dropped: number; seen: number; lost: number }> {
  const series = await client.metrics();
  const of = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    series
      .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .reduce((sum, one) => sum + one.value, 0);
  return {
    dropped: of("weir_dropped_packets_total", { reason: "POLICY_DENIED" }),
    seen: of("weir_flows_total", { verdict: "DROPPED" }),
    lost: of("weir_flows_lost_total"),
  };
}

/** How much longer connections take, one after the other, while somebody follows all flows. */
async function observedConnections(lab: Lab): Promise<number> {
  const lane = await podLane(lab, 0, "0-1");
  const run = async (): Promise<number> => {
    const { client } = await lane.run("tcp-crr", crrCount);
    return client.elapsed / crrCount;
  };
  const observed = async (): Promise<number> => {
    using stop = stopper();
    await follow(lane.node, stop.signal);
    return run();
  };
  const ratios: number[] = [];
  for (let round = 0; round < crrRounds; round++) {
    const first = round % 2 === 0 ? await run() : await observed();
    const second = round % 2 === 0 ? await observed() : await run();
    ratios.push(round % 2 === 0 ? second / first : first / second);
  }
  return median(ratios.slice(2));
}

function stopper(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}

export async function suite(): Promise<BenchResult[]> {
  using _signals = exitOnSignals();
  await using lab = await Lab.create();
  const result = (
    name: string,
    value: number,
    unit: string,
    runs: number,
    target: number | null = null,
  ): BenchResult => {
    return { suite: "observe", case: name, value, unit, target, runs };
  };
  const here = await scene(lab);
  const results = [
    { ...result("flows-per-second", await flowsPerSecond(here), "flows/s", rounds, 150_000), least: true },
  ];
  const { p99, rate, cpu, growth } = await flood(here);
  return [
    ...results,
    result("flood-api-p99", p99, "ms", 1, 50),
    result("flood-rate", rate, "drops/s", 1),
    result("flood-agent-cpu", cpu * 100, "%", 1),
    result("flood-memory-growth", growth, "MB", 1),
    result("observe-crr-ratio", await observedConnections(lab), "ratio", crrRounds, 1.05),
    result("page-cpu", await pageCpu(), "%", 1, 15),
  ];
}
