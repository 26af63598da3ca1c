/**
 * The CNI binary: ADD and DEL, from the start of the process to its end, against what
 * Debian ships, on the same machine in the same run.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "#agent/local/command.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import { Lab } from "#agent/local/lab.ts";
import { AgentTap } from "./agent-tap.ts";
import { bridgeNetwork, type Network, PluginRunner, ptpNetwork, weirNetwork } from "./cni-network.ts";
import { type BenchResult, median } from "./result.ts";

/** Of each network, after warming up. */
const rounds = 100;
const warmUps = 5;
/** Enough for a 99th percentile that is not the largest. */
const agentRounds = 200;
/** ADDs at the same time, and how often. */
const crowd = 100;
const crowdRounds = 3;

interface Times {
  readonly add: number;
  readonly del: number;
  /** From the start of DEL until the kernel does other work on devices. */
  readonly settled: number;
}

/**
 * Resolves when the kernel is through with what a DEL has left it to do. Ours does not wait for that, and
 * whoever comes next would.
 */
async function settle(node: LabNode): Promise<void> {
  await mustRun(node.namespace.enter(["ip", "link", "set", "lo", "up"]));
}

/** Pods come and go by all networks in turn; which is first changes from round to round. */
async function interleave(node: LabNode, runner: PluginRunner, networks: readonly Network[]): Promise<Times[][]> {
  using pod = node.lab.namespace("bench-pod");
  const times: Times[][] = networks.map(() => []);
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const place of networks.keys()) {
      const which = (round + place) % networks.length;
      const network = networks[which] as Network;
      const add = await runner.call(network, "ADD", pod);
      const started = performance.now();
      const del = await runner.call(network, "DEL", pod);
      await settle(node);
      const settled = performance.now() - started;
      if (round >= warmUps) times[which]?.push({ add, del, settled });
    }
  }
  return times;
}

/** Milliseconds of each of many ADDs at the same time, round by round and network by network. */
async function crowds(node: LabNode, runner: PluginRunner, networks: readonly Network[]): Promise<number[][]> {
  using stack = new DisposableStack();
  const pods = Array.from({ length: crowd }, (_, index) => stack.use(node.lab.namespace(`crowd-${index}`)));
  const times: number[][] = networks.map(() => []);
  for (let round = 0; round < crowdRounds; round++) {
    for (const [which, network] of networks.entries()) {
      times[which]?.push(...(await runner.callAll(network, "ADD", pods)));
      for (const pod of pods) await runner.call(network, "DEL", pod);
      await settle(node);
    }
  }
  return times;
}

/** Milliseconds of each ADD for which the binary waited for the agent. */
async function agentParts(lab: Lab, node: LabNode, runner: PluginRunner): Promise<number[]> {
  using pod = lab.namespace("tapped-pod");
  await using tap = await AgentTap.open(join(lab.folder, "tap"), node.runDir);
  const network = weirNetwork(lab, tap.runDir);
  const parts: number[] = [];
  for (let round = 0; round < agentRounds; round++) {
    tap.take();
    await runner.call(network, "ADD", pod);
    parts.push(tap.take());
    await runner.call(network, "DEL", pod);
    await settle(node);
  }
  return parts.toSorted((a, b) => a - b);
}

/** Bytes of resident memory that the binary has had at most when the last answer of an ADD comes. */
async function peaks(lab: Lab, node: LabNode, runner: PluginRunner): Promise<number[]> {
  using pod = lab.namespace("memory-pod");
  let peak = 0;
  const look = async (): Promise<void> => {
    peak = await runner.peak();
  };
  await using tap = await AgentTap.open(join(lab.folder, "memory"), node.runDir, look);
  const network = weirNetwork(lab, tap.runDir);
  const all: number[] = [];
  for (let round = 0; round < warmUps; round++) {
    await runner.call(network, "ADD", pod);
    all.push(peak);
    await runner.call(network, "DEL", pod);
  }
  return all;
}

export async function suite(): Promise<BenchResult[]> {
  await using lab = await Lab.create();
  const node = LabNode.create(lab, { podCidr: "10.77.0.0/16" });
  await node.startAgent();
  using runner = new PluginRunner(node);
  const result = (name: string, value: number, unit: string, target: number | null, runs: number): BenchResult => {
    return { suite: "cni", case: name, value, unit, target, runs };
  };
  const ours = weirNetwork(lab, node.runDir);
  const bridge = bridgeNetwork(lab);
  if (!existsSync(bridge.plugin))
    throw new Error(`bench cni: ${bridge.plugin} is missing; install containernetworking-plugins`);
  const [weir = [], peer = [], ptp = []] = await interleave(node, runner, [ours, bridge, ptpNetwork(lab)]);
  const of = (times: readonly Times[], verb: keyof Times): number[] => times.map((time) => time[verb]);
  const middle = (times: readonly Times[], verb: keyof Times): number => median(of(times, verb));
  const p99 = (times: readonly Times[], verb: keyof Times): number => highest(of(times, verb));
  const parts = await agentParts(lab, node, runner);
  const memory = median(await peaks(lab, node, runner));
  const [weirCrowd = [], peerCrowd = []] = await crowds(node, runner, [ours, bridge]);
  return [
    result("add-ratio", middle(weir, "add") / middle(peer, "add"), "ratio", 1, rounds),
    result("add-p99-ratio", p99(weir, "add") / p99(peer, "add"), "ratio", 1, rounds),
    result("add-parallel-p99-ratio", highest(weirCrowd) / highest(peerCrowd), "ratio", 1, weirCrowd.length),
    result("del-ratio", middle(weir, "del") / middle(peer, "del"), "ratio", 1, rounds),
    result("del-settled-ratio", middle(weir, "settled") / middle(peer, "settled"), "ratio", null, rounds),
    result("add-ptp-ratio", middle(weir, "add") / middle(ptp, "add"), "ratio", null, rounds),
    result("del-ptp-ratio", middle(weir, "del") / middle(ptp, "del"), "ratio", null, rounds),
    result("add", middle(weir, "add"), "ms", null, rounds),
    result("add-p99", p99(weir, "add"), "ms", null, rounds),
    result("add-parallel-p99", highest(weirCrowd), "ms", null, weirCrowd.length),
    result("del", middle(weir, "del"), "ms", null, rounds),
    result("agent-part", median(parts), "ms", null, agentRounds),
    result("agent-part-p99", highest(parts), "ms", 5, agentRounds),
    result("memory", memory / 1e6, "MB", 60, warmUps),
    result("binary", statSync(join(lab.dist, "weir-cni")).size / 1e6, "MB", null, 1),
  ];
}

/** The 99th percentile. */
function highest(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(0.99 * (sorted.length - 1))] ?? Number.NaN;
}
