import * as z from "zod";
import type { CniAnswer, CniOutcome, Resume } from "#agent/api/cni.ts";
import { type Call, run } from "./call.ts";
import { CniError, ErrorCode, errorOutcome, printable } from "./errors.ts";

/**
 * What the agent wants to know again when an IPAM plugin has run.
 *
 * - `done`: it did what its part of the verb is.
 * - `undone`: an ADD that failed was taken back; the answer is there already.
 */
const runState = z.union([
  z.object({ step: z.literal("done") }),
  z.object({
    step: z.literal("undone"),
    answer: z.object({ output: z.record(z.string(), z.unknown()).nullable(), exitCode: z.int() }),
  }),
]);
type RunState = z.infer<typeof runState>;

/** Has the plugin do its part of the call's verb. */
export function runDelegate(plugin: string, { command }: Call): CniAnswer {
  return run(plugin, command, { step: "done" } satisfies RunState);
}

/** CNI specification, section 4: a failed ADD is followed by DEL before the failure is told. */
export function undoDelegate(plugin: string, answer: CniOutcome): CniAnswer {
  return run(plugin, "DEL", { step: "undone", answer } satisfies RunState);
}

/** The answer that waited for an {@link undoDelegate}; undefined: it was something else that ran. */
export function answerAfterUndo({ state }: Resume): CniOutcome | undefined {
  const parsed = runState.parse(state);
  return parsed.step === "undone" ? parsed.answer : undefined;
}

/** What a plugin that failed says goes on to the runtime as it is; undefined: it did not fail. */
export function delegateFailure(plugin: string, { config, command }: Call, resume: Resume): CniOutcome | undefined {
  if (resume.exitCode === 0) return undefined;
  const { cniVersion } = config;
  const said = parseError(resume.output);
  if (said) return { output: { ...said, cniVersion }, exitCode: 1 };
  const msg = `${command} by IPAM plugin ${plugin}: exit code ${resume.exitCode}`;
  return errorOutcome(new CniError(ErrorCode.DELEGATE, msg, resume.output.slice(0, 1000)), cniVersion);
}

/** What else it says is not passed on: nothing has looked at it. */
const errorObject = z.object({
  code: z.int(),
  msg: z.string().transform(printable),
  details: z.string().transform(printable).optional(),
});

function parseError(output: string): z.infer<typeof errorObject> | undefined {
  try {
    return errorObject.safeParse(JSON.parse(output)).data;
  } catch {
    // No JSON: then the exit code is all there is to tell.
    return undefined;
  }
}
