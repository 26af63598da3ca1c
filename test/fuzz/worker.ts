import { parentPort, workerData } from "node:worker_threads";
import { fuzzTarget } from "./fuzz-target.ts";
import { type FuzzJob, SharedInput } from "./shared-input.ts";

/** Runs one target until it is told to stop, or something is found. */
const { target: name, seed, memory } = workerData as FuzzJob;
const target = fuzzTarget(name, seed);
const input = new SharedInput(memory);

let found: { text: string; violation: string } | null = null;
while (found === null && !input.isStopped) {
  const text = target.next();
  input.set(text);
  const violation = await target.fault(text);
  if (violation !== null) found = { text, violation };
}
parentPort?.postMessage({ found, seen: target.seen }, []);
