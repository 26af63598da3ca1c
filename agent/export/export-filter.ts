import { type FlowQuery, flowQuery } from "#agent/api/flow-filter.ts";
import { type FilterContext, flowFilter } from "#agent/flows/filter.ts";
import type { FlowSelection } from "#agent/flows/selection.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ExportError } from "./errors.ts";

/** What says which part of the flows a reader wants means nothing to one that wants them as they come. */
const others = new Set(["since", "until", "first", "last", "all", "follow", "lost"]);

/** What filters need of the agent. Flows have no names before they come, so none is asked for by its name. */
export type ExportContext = Omit<FilterContext, "uuid">;

/**
 * All flows of this life of the agent that match the query of `GET /v1/flows`: `verdict=DROPPED&namespace=shop`.
 *
 * @param text null: all.
 * @throws ExportError `filter`.
 */
export function exportSelection(option: string, text: string | null, context: ExportContext): FlowSelection {
  const asked = `read --${option}`;
  const fields: Record<string, string[]> = {};
  for (const [name, value] of new URLSearchParams(text ?? "")) {
    if (others.has(name)) throw new ExportError("filter", { asked, obstacle: `${name} is no filter of an export` });
    (fields[name] ??= []).push(value);
  }
  const values = Object.entries(fields).map(([name, list]) => [name, list.length === 1 ? list[0] : list]);
  const parsed = flowQuery.safeParse(Object.fromEntries(values));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.length ? `${issue.path.join(".")}: ` : "";
    const obstacle = `${where}${issue?.message ?? "it is malformed"}`;
    throw new ExportError("filter", { asked, obstacle, remedy: "it is like verdict=DROPPED&namespace=shop" });
  }
  return { matches: matchesOf(asked, parsed.data, context), from: "oldest", follow: true, lost: true };
}

function matchesOf(asked: string, query: FlowQuery, context: ExportContext): FlowSelection["matches"] {
  try {
    return flowFilter(query, { ...context, uuid: () => "" });
  } catch (error) {
    throw new ExportError("filter", { asked, obstacle: reasonOf(error) }, { cause: error });
  }
}
