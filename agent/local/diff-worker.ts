/** A thread of the agent's that compares policies, which may take long: one question, one answer. */
import { parentPort, workerData } from "node:worker_threads";
import type { DiffRequest as Question } from "#agent/api/what-if-views.ts";
import type { PoliciesInForce } from "#agent/api/policy-views.ts";
import { diffObjects } from "./diff.ts";

const { before, candidate, replace = false } = workerData as Question & { readonly before: PoliciesInForce };
const outcome = await diffObjects({
  before,
  candidate,
  replace,
  promote: false,
  flows: null,
  at: Date.now(),
  progress: () => {},
});
parentPort?.postMessage(outcome, []);
