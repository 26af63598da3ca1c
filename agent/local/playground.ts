/**
 * A node with three pods, sample policies and real traffic, in network namespaces of
 * their own; shows every flow with its verdict and the rule that gave it.
 *
 *   npm start              until Ctrl-C
 *   npm start -- --once    one round; exit code 0 if every flow had its expected verdict
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Flow } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import { endOf, FlowLog, portsOf } from "./flow-log.ts";
import { LabNode } from "./lab-node.ts";
import type { LabPod } from "./lab-pod.ts";
import { Lab } from "./lab.ts";
import { flowLine } from "./playground-output.ts";
import { checkFlow, checkRequest } from "./playground-round.ts";
import {
  type PlaygroundPod,
  playgroundFlows,
  playgroundNamespace,
  playgroundRequests,
  playgroundServers,
  webPort,
} from "./playground-scenario.ts";

const policies = resolve(import.meta.dirname, "../../test/fixtures/playground");

/** Milliseconds from the end of a round to the next. */
const pause = 3000;

/** Tells each connection between pods, and each request on it, once: a refused client sends its packet again and again. */
function flowPrinter(): (flow: Flow) => void {
  const told = new Set<string>();
  return (flow) => {
    if (flow.is_reply || flow.source.pod_name === undefined || flow.destination.pod_name === undefined) return;
    const ports = portsOf(flow);
    const key = [
      endOf(flow, "source"),
      endOf(flow, "destination"),
      flow.IP?.ipVersion,
      ...Object.values(ports ?? {}),
      layer7Text(flow),
    ];
    const text = key.join(" ");
    if (told.has(text)) return;
    told.add(text);
    console.log(flowLine(flow));
  };
}

async function addPods(node: LabNode): Promise<Record<PlaygroundPod, LabPod>> {
  const add = async (name: PlaygroundPod) => {
    const pod = await node.addPod({ namespace: playgroundNamespace, name, labels: { app: name } });
    for (const [protocol, port] of playgroundServers) await pod.traffic.serve(protocol, port);
    await pod.traffic.serve("TCP", webPort, "http");
    console.log(`pod ${playgroundNamespace}/${name}  ${pod.ipv4}  ${pod.ipv6}`);
    return pod;
  };
  return { client: await add("client"), server: await add("server"), intruder: await add("intruder") };
}

/** One flow after the other. The differences from what was expected, one line each. */
async function round(pods: Record<PlaygroundPod, LabPod>, log: FlowLog, signal: AbortSignal): Promise<string[]> {
  const problems: string[] = [];
  for (const flow of playgroundFlows) {
    signal.throwIfAborted();
    const problem = await checkFlow(flow, pods, log);
    if (problem !== null) problems.push(problem);
  }
  for (const request of playgroundRequests) {
    signal.throwIfAborted();
    const problem = await checkRequest(request, pods, log);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

/** Runs the playground. @returns the process's exit code. */
export async function playground(options: { readonly once: boolean; readonly signal: AbortSignal }): Promise<number> {
  const { once, signal } = options;
  await using lab = await Lab.create();
  const node = LabNode.create(lab, { name: "playground" });
  for (const file of readdirSync(policies)) node.writeObjects(file, readFileSync(join(policies, file), "utf8"));
  await node.startAgent({ signal });
  const { datapath } = await node.client.status();
  console.log(`node playground is ready (${datapath.attach}); policies from test/fixtures/playground/`);
  const pods = await addPods(node);
  await using log = new FlowLog(node.client, flowPrinter());
  for (;;) {
    const problems = await round(pods, log, signal);
    for (const problem of problems) console.log(problem);
    if (once) {
      const all = playgroundFlows.length + playgroundRequests.length;
      console.log(`${all - problems.length} of ${all} flows had their expected verdict`);
      return problems.length === 0 ? 0 : 1;
    }
    await delay(pause, undefined, { signal });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // The second one ends at once; the lab then cleans up as well as it can.
    process.on(name, () => (abort.signal.aborted ? process.exit(1) : abort.abort()));
  }
  try {
    process.exitCode = await playground({ once: values.once, signal: abort.signal });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
