import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { ApiError } from "#agent/api/errors.ts";
import type { DiffRequest, PolicyDiff } from "#agent/api/what-if-views.ts";
import { isErrno } from "#agent/runtime/errors.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/** How long, in ms, a comparison may take. */
const patience = 60_000;
/** Memory, in MB, that it may take. */
const memory = 512;

export interface Comparison extends DiffRequest {
  readonly before: {
    readonly enforcement: "default" | "always" | "never";
    readonly cidrMatchesPods: "language" | boolean;
    readonly objects: readonly PolicyObject[];
  };
}

type Answer = { readonly ok: true; readonly diff: PolicyDiff } | { readonly ok: false; readonly message: string };

/**
 * Compares policies in a thread of its own, one comparison at a time: a large one would
 * keep the node from everything else.
 */
export class DiffThread {
  #isBusy = false;

  /** @throws ApiError `busy`, `too-large`; or the signal's reason. */
  async compare(comparison: Comparison, signal: AbortSignal): Promise<PolicyDiff> {
    if (this.#isBusy) {
      const obstacle = "another comparison is under way";
      throw new ApiError("busy", { asked: "compare policies", obstacle, remedy: "try again" });
    }
    this.#isBusy = true;
    try {
      const answer = await ask(comparison, signal);
      if (answer.ok) return answer.diff;
      throw tooLarge(answer.message);
    } finally {
      this.#isBusy = false;
    }
  }
}

async function ask(comparison: Comparison, caller: AbortSignal): Promise<Answer> {
  const late = AbortSignal.timeout(patience);
  const signal = AbortSignal.any([caller, late]);
  const worker = new Worker(program(), {
    workerData: comparison,
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  // One that fails when nobody waits for it any more, as its memory is used up, would end the agent.
  worker.on("error", () => {});
  try {
    const [answer] = (await once(worker, "message", { signal })) as [Answer];
    return answer;
  } catch (error) {
    if (caller.aborted) throw caller.reason;
    if (late.aborted) throw tooLarge(`it takes more than ${patience / 1000} s`);
    if (isErrno(error, "ERR_WORKER_OUT_OF_MEMORY")) throw tooLarge(`it takes more than ${memory} MB`);
    throw error;
  } finally {
    await worker.terminate();
  }
}

function tooLarge(obstacle: string): ApiError {
  const remedy = "ask by `weir policy diff`, which takes the time and the memory that it needs";
  return new ApiError("too-large", { asked: "compare policies", obstacle, remedy });
}

/** Beside the bundle, or in the tree when run from the sources. */
function program(): string {
  const isSource = import.meta.filename.endsWith(".ts");
  return join(import.meta.dirname, isSource ? "../local/diff-worker.ts" : "diff-worker.mjs");
}
