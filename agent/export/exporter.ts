import type { FlowReader } from "#agent/flows/reader.ts";
import type { FlowSelection } from "#agent/flows/selection.ts";
import { type Clock, pause } from "#agent/runtime/clock.ts";

/** How long, in ms, an agent that was told to stop still reads the flows that have come before. */
const grace = 2_000;

/** Where exporters read flows: each at its own pace, so that a slow one loses some and holds nobody up. */
export type FlowSource = Pick<FlowReader, "lines" | "records" | "render">;

/** Flows that an exporter has dealt with since the agent started. */
export interface ExportCounts {
  /** That have arrived where they were to go. */
  readonly exported: number;
  /** That have not and never will: it was too slow, or was refused. Those that the kernel lost are not among them. */
  readonly lost: number;
}

/** Brings flows to somewhere else, as they come. */
export interface FlowExporter {
  readonly name: "file" | "otlp";
  readonly counts: ExportCounts;
  /** What stands in the way now, in a sentence; null: nothing. */
  readonly problem: string | null;
  /** Until the signal; what it holds then is brought away if that takes no time. Rejects only where there is a bug. */
  run(source: FlowSource, signal: AbortSignal): Promise<void>;
}

/**
 * Runs a reader that gets to the end of what there is when the agent stops, but not for long.
 *
 * @param read is given the selection and the signal to read with.
 */
export async function readToTheEnd(
  {
    clock,
    selection,
    signal,
  }: { readonly clock: Clock; readonly selection: FlowSelection; readonly signal: AbortSignal },
  read: (selection: FlowSelection, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const [late, done] = [new AbortController(), new AbortController()];
  const stop = (): void => void pause(clock, grace, done.signal).then(() => late.abort());
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await read({ ...selection, finish: signal }, late.signal);
  } finally {
    signal.removeEventListener("abort", stop);
    done.abort();
  }
}
