import type { MetricDefinition } from "./definitions.ts";

/** One line of a scrape. The name is the metric's, of a histogram with `_bucket`, `_sum` or `_count`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric and all its samples. */
export interface Family extends Pick<MetricDefinition, "type" | "help"> {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** Prometheus' text format 0.0.4. A metric without samples is told of all the same. */
export function exposition(families: readonly Family[]): string {
  let text = "";
  for (const { name, type, help, samples } of families) {
    text += `# HELP ${name} ${escapeText(help)}\n# TYPE ${name} ${type}\n`;
    for (const sample of samples) text += `${sample.name}${labelText(sample.labels)} ${numberText(sample.value)}\n`;
  }
  return text;
}

function labelText(labels: Sample["labels"]): string {
  const parts = Object.entries(labels).map(
    // Half a surrogate pair is no character, and UTF-8 cannot write it.
    ([name, value]) => `${name}="${escapeText(value.toWellFormed()).replaceAll('"', '\\"')}"`,
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** As the format, and Go, writes a number. */
export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
