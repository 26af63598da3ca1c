/**
 * Gives the parsers mutated files and bytes for a while, and keeps those that do harm.
 *
 *   npm run fuzz [-- TARGET...] [--seconds N] [--seed N]
 */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { fuzzTarget, fuzzTargets } from "./fuzz-target.ts";
import { SharedInput } from "./shared-input.ts";
import { shrink } from "./shrink.ts";

/** Milliseconds that one input may take. */
const PATIENCE = 5000;
const LOOK = 100;

interface Result {
  readonly found: { readonly text: string; readonly violation: string } | null;
  readonly seen: number;
}

/** Runs one target in a thread of its own, so that an input on which it hangs can be told. */
async function run(target: string, seed: number, seconds: number): Promise<Result & { readonly count: number }> {
  const memory = SharedInput.memory();
  const input = new SharedInput(memory);
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: { target, seed, memory } });
  let [last, since] = [-1, performance.now()];
  const end = performance.now() + seconds * 1000;
  const done = Promise.withResolvers<Result>();
  worker.on("message", done.resolve);
  worker.on("error", done.reject);
  const timer = setInterval(() => {
    const now = performance.now();
    if (now > end) input.stop();
    if (input.count !== last) [last, since] = [input.count, now];
    else if (last > 0 && now - since > PATIENCE) {
      done.resolve({ found: { text: input.get(), violation: `takes more than ${PATIENCE} ms` }, seen: 0 });
    }
  }, LOOK);
  try {
    return { ...(await done.promise), count: input.count };
  } finally {
    clearInterval(timer);
    await worker.terminate();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: String(Date.now() % 1e9) } },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
const known = fuzzTargets();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0 || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(`usage: npm run fuzz [-- TARGET...] [--seconds N] [--seed N]\ntargets: ${known.join(", ")}`);
  process.exit(2);
}

console.log(`seed ${seed}, ${seconds} s for each target`);
for (const target of positionals.length > 0 ? positionals : known) {
  const { count, seen, found } = await run(target, seed, seconds);
  console.log(`${found ? "FAILED" : "ok    "} ${target}: ${count} inputs, ${seen} different answers`);
  if (!found) continue;
  const isSlow = found.violation.startsWith("takes");
  const again = fuzzTarget(target, seed);
  const text = isSlow ? found.text : await shrink(found.text, async (shorter) => (await again.fault(shorter)) !== null);
  console.log(`${found.violation}\nkept as ${again.keep(text)}`);
  process.exitCode = 1;
}
