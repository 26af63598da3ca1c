import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type L7Scene, ports } from "./l7-scene.ts";
import { type BenchResult, median } from "./result.ts";
import { runWrk } from "./wrk.ts";

const slowConnections = 10_000;
const rounds = 5;
const seconds = 3;

/** How much longer one pod's requests take at most (p99) while another pod holds connections on which requests come byte by byte. */
export async function slowConnectionsRatio({ node, client, server, urls }: L7Scene): Promise<BenchResult> {
  await using other = await node.addPod({ namespace: "bench", name: "other", labels: { app: "client" } });
  const p99 = async (): Promise<number> => {
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++) {
      samples.push((await runWrk(other.namespace, { url: urls.weir, connections: 4, seconds })).p99);
    }
    return median(samples);
  };
  await p99();
  const before = await p99();
  const worker = join(import.meta.dirname, "slow-worker.ts");
  const args = [process.execPath, worker, server.ipv4, String(ports.l7), String(slowConnections)];
  const [program = "", ...rest] = client.namespace.enter(args);
  const child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
  using _tracked = node.lab.track(child.pid ?? 0);
  try {
    await once(child, "message");
    await delay(3_000);
    const value = (await p99()) / before;
    return { suite: "l7", case: "slow-connections-p99-ratio", value, unit: "ratio", target: 2, runs: rounds };
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
