/** Runs CNI plugins, as a container runtime does, in the network namespace that it was started in. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { PluginAnswer, PluginReply, PluginRequest, PluginRun } from "./cni-run.ts";

let last: ChildProcess | undefined;

async function run({ plugin, env, input }: PluginRun): Promise<PluginAnswer> {
  const started = performance.now();
  const child = spawn(plugin, { env, stdio: ["pipe", "pipe", "inherit"] });
  last = child;
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stdin.end(input);
  const exited = once(child, "exit").then(() => performance.now() - started);
  const [code] = (await once(child, "close")) as [number | null];
  return { elapsed: await exited, code: code ?? 128, stdout };
}

function peak(): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${last?.pid ?? 0}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

const reply = (message: PluginReply): void => void process.send?.(message);

process.on("message", (request: PluginRequest) => {
  if (request.kind === "peak") reply({ kind: "peak", bytes: peak() });
  else void Promise.all(request.runs.map(run)).then((answers) => reply({ kind: "run", answers }));
});
process.on("disconnect", () => process.exit());
