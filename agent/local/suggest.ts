import type { Readable } from "node:stream";
import type { PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { RecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { type ReadFlows, readFlows } from "#policy/suggest/recorded.ts";
import { suggest } from "#policy/suggest/suggest.ts";
import type { SuggestOptions, SuggestedPolicy } from "#policy/suggest/suggestion.ts";
import { toYaml } from "#policy/suggest/yaml.ts";
import { flowLines } from "./flow-lines.ts";
import { readObjectFiles } from "./object-files.ts";

export interface SuggestRequest extends SuggestOptions {
  /** A file of flows, or a stream of them. */
  readonly flows: string | Readable;
  /** A folder of objects; null: pods are known by the flows alone. */
  readonly folder: string | null;
  readonly includeDenied: boolean;
}

export type SuggestOutcome =
  | { readonly ok: true; readonly yaml: string; readonly remarks: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Answers `weir policy suggest`. @throws UnreadableError when something cannot be read. */
export async function suggestFromFiles(request: SuggestRequest): Promise<SuggestOutcome> {
  const { flows, folder, includeDenied } = request;
  const files = folder === null ? { ok: true as const, objects: [] as PolicyObject[] } : await readObjectFiles(folder);
  const recorded = new RecordedFlows(typeof flows === "string" ? flows : "stdin");
  for await (const line of flowLines(flows)) recorded.add(line);
  const errors = [...(files.ok ? [] : files.errors), ...recorded.errors];
  if (!files.ok || errors.length > 0) return { ok: false, message: errors.map(formatLocatedError).join("\n") };
  const read = readFlows(files.objects, recorded.flows, includeDenied);
  const { policies, denied } = suggest(files.objects, read.flows, request);
  return { ok: true, yaml: toYaml(policies), remarks: remarksOf(recorded, read, request, policies, denied.length) };
}

/** What is to be told beside the policies. */
function remarksOf(
  recorded: RecordedFlows,
  { flows, dropped, unresolved }: ReadFlows,
  { namespace }: SuggestOptions,
  policies: readonly SuggestedPolicy[],
  denied: number,
): string[] {
  const pod = namespace === undefined ? "pod" : `pod of namespace ${namespace}`;
  const unjudged = [...recorded.unjudged].map(([reason, count]) => `${countText(count, "record")} left out: ${reason}`);
  return [
    ...unjudged,
    ...(dropped > 0
      ? [
          `${countText(dropped, "connection")} left out that ${dropped === 1 ? "was" : "were"} always dropped; --include-denied takes them in`,
        ]
      : []),
    ...(unresolved > 0 ? [`${countText(unresolved, "connection")} left out: nothing says who was at an end`] : []),
    ...(policies.length === 0
      ? [`no policy to suggest: no ${pod} is at an end of ${countText(flows.length, "connection")}`]
      : []),
    ...policies.flatMap(({ namespace, name, remarks }) => remarks.map((remark) => `${namespace}/${name}: ${remark}`)),
    ...(denied > 0 ? [`${countText(denied, "connection")} would be denied by these policies`] : []),
  ];
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
