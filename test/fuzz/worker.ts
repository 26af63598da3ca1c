import { parentPort, workerData } from "node:worker_threads";
import { corpusOf, targets } from "./corpus.ts";
import { Mutator } from "./mutator.ts";
import { parseAnything } from "./parse-invariant.ts";
import { type FuzzJob, SharedInput } from "./shared-input.ts";

/** Runs one target until it is told to stop, or something is found. */
const { target, seed, memory } = workerData as FuzzJob;
const texts = (name: string): string[] => corpusOf(name).map(({ text }) => text);
const others = targets().filter((name) => name !== target);
const mutator = new Mutator(seed, texts(target), others.flatMap(texts));
const input = new SharedInput(memory);

let found: { text: string; violation: string } | null = null;
while (found === null && !input.isStopped) {
  const text = mutator.next();
  input.set(text);
  const outcome = parseAnything(text);
  if (outcome.violation !== null) found = { text, violation: outcome.violation };
  mutator.learn(text, outcome);
}
parentPort?.postMessage({ found, seen: mutator.seen }, []);
