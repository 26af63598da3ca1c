import type { MessageShape } from "./protos.ts";
import { refusal } from "#agent/flows/refusal.ts";

/** By field; null: the whole of it. */
type Kept = Map<string, Kept | null>;

/**
 * What leaves of a message only the fields that the paths name: `source.pod_name`.
 *
 * @throws ApiError `bad-request` for a path that leads nowhere.
 */
export function fieldMask(paths: readonly string[], shape: MessageShape): (message: object) => object {
  if (paths.length === 0) return (message) => message;
  const kept: Kept = new Map();
  for (const path of paths) keep(kept, path, shape);
  return (message) => prune(message, kept);
}

function keep(root: Kept, path: string, shape: MessageShape): void {
  const names = path.split(".");
  let at: MessageShape | null = shape;
  for (const name of names) {
    const field: MessageShape | null | undefined = at?.fields.get(name);
    if (field === undefined) throw refusal("field_mask", `a flow has no field ${path}`);
    at = field;
  }
  const last = names.pop() ?? "";
  let kept = root;
  for (const name of names) {
    const below = kept.get(name);
    // A wider path has been named already.
    if (below === null) return;
    const next: Kept = below ?? new Map();
    kept.set(name, next);
    kept = next;
  }
  kept.set(last, null);
}

function prune(message: object, kept: Kept): object {
  const entries = Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    const below = kept.get(name);
    if (below === undefined) return [];
    return [[name, below === null || !isObject(value) ? value : prune(value, below)] as const];
  });
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
