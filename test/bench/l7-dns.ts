import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "#agent/local/command.ts";
import { startDnsmasq } from "#test/support/dnsmasq.ts";
import type { L7Scene } from "./l7-scene.ts";
import { cpuTime, processTree } from "./process-usage.ts";
import { type BenchResult, median } from "./result.ts";

const rounds = 7;
const seconds = 2;
const names = 100;
const asks = 3_000;

/** Queries of the client for names that a rule lets through, to a resolver in the server's pod. */
export async function dnsCases({ node, client, server }: L7Scene): Promise<BenchResult[]> {
  const { lab } = node;
  const named = Array.from({ length: names }, (_, i) => `n${i}.example.com`);
  await startDnsmasq({
    lab,
    place: server.namespace,
    name: "dnsmasq",
    lines: ["port=53", "cache-size=0", ...named.map((name, i) => `host-record=${name},198.18.0.${i + 1}`)],
  });
  const questions = join(lab.folder, "questions");
  writeFileSync(questions, named.map((name) => `${name} A\n`).join(""));
  const { pid } = (await node.client.status()).proxy;
  const tree = processTree(pid ?? 0);
  const cpu = (): number => tree.reduce((total, one) => total + cpuTime(one), 0);
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = cpu();
    const command = ["dnsperf", "-s", server.ipv4, "-d", questions, "-l", String(seconds), "-c", "8", "-q", "64"];
    const said = await mustRun(client.namespace.enter(command));
    const completed = Number(/Queries completed:\s+(\d+)/.exec(said)?.[1] ?? 0);
    const refused = Number(/REFUSED (\d+)/.exec(said)?.[1] ?? 0);
    if (completed === 0 || refused > 0)
      throw new Error(`bench DNS: ${completed} completed, ${refused} refused: ${said}`);
    rates.push(completed / ((cpu() - before) / 1e9));
  }
  const p50 = async (from: { enter(command: readonly string[]): string[] }): Promise<number> => {
    const script = join(import.meta.dirname, "dns-latency.ts");
    return Number(await mustRun(from.enter([process.execPath, script, server.ipv4, String(asks)])));
  };
  const added: number[] = [];
  // The node's own queries are not looked at.
  for (let round = 0; round < rounds; round++) added.push((await p50(client.namespace)) - (await p50(node.namespace)));
  const result = { suite: "l7", runs: rounds };
  return [
    {
      ...result,
      case: "dns-per-cpu-second",
      value: median(rates.slice(1)),
      unit: "queries/s",
      target: 15_000,
      least: true,
    },
    { ...result, case: "dns-added-p50", value: median(added), unit: "ms", target: 0.3 },
  ];
}
