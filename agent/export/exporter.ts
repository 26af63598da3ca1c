import type { FlowReader } from "#agent/flows/reader.ts";

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
