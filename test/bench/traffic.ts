/**
 * What traffic between two pods costs in CPU time, against routing between two namespaces
 * without any program or policy.
 *
 * Client and server run on one CPU, so that the kernel does all its work for a packet,
 * soft interrupts too, in the context of one of the two. Their threads' CPU time is what is
 * compared. On an otherwise idle CPU it is 95 to 99 % of the busy time in /proc/stat, on both
 * ways alike; but it leaves out what else runs on the machine, and is not counted in ticks.
 */
import { availableParallelism } from "node:os";
import { Lab } from "#agent/local/lab.ts";
import { blockSize, type ExchangeKind } from "./exchange.ts";
import { exitOnSignals } from "./exit-on-signals.ts";
import { type Lane, plainLane, podLane } from "./lane.ts";
import { type BenchResult, median } from "./result.ts";

/** Rounds of one run on each way; many and short, since other work on the machine comes and goes. */
const rounds = 61;
const warmUps = 3;

/** Exchanges of a run: about a tenth of a second. */
const counts: Readonly<Record<ExchangeKind, number>> = {
  "tcp-rr": 4_000,
  "tcp-crr": 1_000,
  "udp-rr": 5_000,
  "tcp-stream": 2_000,
};

/** Of each exchange, on one way. */
interface Cost {
  /** CPU nanoseconds of client and server together. */
  readonly cpu: number;
  readonly elapsed: number;
}

async function cost(lane: Lane, kind: ExchangeKind): Promise<Cost> {
  const count = counts[kind];
  const { client, server } = await lane.run(kind, count);
  return { cpu: (client.cpu + server.cpu) / count, elapsed: client.elapsed / count };
}

/** Costs on both ways, round by round; which way is first changes from round to round. */
async function interleave(plain: Lane, pods: Lane, kind: ExchangeKind): Promise<{ plain: Cost; pods: Cost }[]> {
  const all: { plain: Cost; pods: Cost }[] = [];
  for (let round = 0; round < warmUps + rounds; round++) {
    if (round % 2 === 0) all.push({ plain: await cost(plain, kind), pods: await cost(pods, kind) });
    else all.push({ pods: await cost(pods, kind), plain: await cost(plain, kind) });
  }
  return all.slice(warmUps);
}

/** The benches of traffic between two pods of one node. */
export async function trafficCases(): Promise<BenchResult[]> {
  using _signals = exitOnSignals();
  await using lab = await Lab.create();
  const cpu = availableParallelism() - 1;
  const plain = await plainLane(lab, cpu);
  const pods = await podLane(lab, cpu, cpu === 0 ? "0" : `0-${cpu - 1}`);
  const result = (name: string, value: number, unit: string, target: number | null): BenchResult => {
    return { suite: "datapath", case: name, value, unit, target, runs: rounds };
  };
  const ratio = async (name: string, kind: ExchangeKind, target: number): Promise<BenchResult> => {
    const costs = await interleave(plain, pods, kind);
    return result(name, median(costs.map(({ plain, pods }) => pods.cpu / plain.cpu)), "ratio", target);
  };

  const results = [
    await ratio("rr-cpu-ratio", "tcp-rr", 0.93),
    await ratio("crr-cpu-ratio", "tcp-crr", 0.97),
    await ratio("udp-rr-cpu-ratio", "udp-rr", 0.93),
  ];
  const streams = await interleave(plain, pods, "tcp-stream");
  const speed = (way: "plain" | "pods") => median(streams.map((costs) => (blockSize * 8) / costs[way].elapsed));
  results.push(result("stream-gbps", speed("pods"), "Gbit/s", null));
  results.push(result("stream-gbps-plain", speed("plain"), "Gbit/s", null));
  await pods.addEntries(10_000);
  results.push(await ratio("crr-cpu-ratio-10000", "tcp-crr", 0.97));
  return results;
}
