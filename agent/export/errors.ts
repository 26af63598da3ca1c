import { WeirError } from "#agent/runtime/errors.ts";

/** Flows cannot be exported as the options want it: `flow-log` the file, `otlp` the collector, `filter` which flows. */
export class ExportError extends WeirError<"flow-log" | "otlp" | "filter"> {}
