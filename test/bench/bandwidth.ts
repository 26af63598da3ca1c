/**
 * How near a limit of bandwidth TCP comes to its rate: bytes of payload that a receiver has in a second, in
 * percent of the limit. Headers count for it: with packets of 1,500 bytes 95.6 are left. The burst at the
 * beginning comes on top: 300 ms of 10 s are 3.
 */
import { availableParallelism } from "node:os";
import { LabNode } from "#agent/local/lab-node.ts";
import { Lab } from "#agent/local/lab.ts";
import { blockSize } from "./exchange.ts";
import { exitOnSignals } from "./exit-on-signals.ts";
import { ExchangeProcess } from "./exchange-process.ts";
import { type BenchResult, median } from "./result.ts";

const port = 5201;
const runs = 1;
/** Seconds that a transfer should take. */
const duration = 10;
const rates = { "10M": 10e6, "100M": 100e6, "1G": 1e9 } as const;

const podObject = (name: string, annotations: Readonly<Record<string, string>>): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "bench", annotations } });

export async function suite(): Promise<BenchResult[]> {
  using _signals = exitOnSignals();
  await using lab = await Lab.create();
  const node = LabNode.create(lab, { name: "bench", podCidr: "10.78.0.0/24" });
  await node.startAgent();
  const client = await node.addPod({ namespace: "bench", name: "client" });
  const server = await node.addPod({ namespace: "bench", name: "server" });
  const cpus = availableParallelism();
  const serving = await ExchangeProcess.start(lab, server.namespace, cpus - 1, ["server", String(port)]);
  const results: BenchResult[] = [];
  for (const control of ["cubic", "reno", "bbr"]) {
    const args = ["client", String(port), server.ipv4, control];
    const asking = await ExchangeProcess.start(lab, client.namespace, 0, args);
    for (const way of ["egress", "ingress"] as const) {
      const limited = way === "egress" ? "client" : "server";
      for (const [quantity, rate] of Object.entries(rates)) {
        await node.changeObjects("pod.json", podObject(limited, { [`kubernetes.io/${way}-bandwidth`]: quantity }));
        const count = Math.ceil((rate * duration) / 8 / blockSize);
        const percents: number[] = [];
        for (let run = 0; run < runs; run++) {
          const [, { elapsed }] = await Promise.all([
            asking.run("tcp-stream", count),
            serving.run("tcp-stream", count),
          ]);
          percents.push((count * blockSize * 8 * 100e9) / elapsed / rate);
        }
        const name = `${way}-${quantity}-${control}`;
        results.push({
          suite: "bandwidth",
          case: name,
          value: median(percents),
          unit: "% of the limit",
          target: null,
          runs,
        });
      }
    }
  }
  return results;
}
