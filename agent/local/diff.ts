import { join } from "node:path";
import type { Readable } from "node:stream";
import type { PoliciesInForce } from "#agent/api/policy-views.ts";
import { PolicyTooLargeError } from "#policy/compile/errors.ts";
import { type DiffOptions, diffPolicies } from "#policy/diff/diff.ts";
import { DiffTooLargeError } from "#policy/diff/errors.ts";
import { diffFlows } from "#policy/diff/flows.ts";
import type { PolicyDiff } from "#policy/diff/policy-change.ts";
import { type PolicyObject, isPolicyKind, objectKey } from "#policy/model/object.ts";
import { type LocatedError, formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { RecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { flowLines } from "./flow-lines.ts";
import { readObjectFiles } from "./object-files.ts";

export { isFolder } from "./object-texts.ts";

export interface DiffRequest {
  /** A folder of objects, or what an agent says. */
  readonly before: { readonly folder: string } | PoliciesInForce;
  /** Null: none, only staged rules are asked about. */
  readonly candidate: { readonly folder: string } | { readonly text: string; readonly file: string } | null;
  /** The candidate's policies in place of all others, not only of their namesakes. */
  readonly replace: boolean;
  /** As if everything staged were in force with the candidate. */
  readonly promote: boolean;
  /** A file of recorded flows, or a stream of them; null: all traffic that there can be. */
  readonly flows: string | Readable | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly progress: NonNullable<DiffOptions["progress"]>;
}

export type DiffOutcome =
  | { readonly ok: true; readonly diff: PolicyDiff }
  | { readonly ok: false; readonly message: string };

/** Answers `weir policy diff`. @throws UnreadableError when something cannot be read. */
export async function diffObjects(request: DiffRequest): Promise<DiffOutcome> {
  const { before, candidate, promote, replace, at, progress } = request;
  const old = "folder" in before ? await readObjectFiles(before.folder) : inForce(before);
  const next = candidate ? await readCandidate(candidate) : ({ ok: true, objects: [] } as const);
  const flows = request.flows === null ? null : await readFlows(request.flows);
  const errors = [old, next].flatMap((result): readonly LocatedError[] => (result.ok ? [] : result.errors));
  errors.push(...(flows?.errors ?? []));
  if (errors.length > 0) return { ok: false, message: messageOf(errors, flows) };
  const objects = old.ok ? old.objects : [];
  const kept = replace ? objects.filter((object) => !isPolicyKind(object)) : objects;
  const after = overlay(kept, next.ok ? next.objects : []);
  const modes = "folder" in before ? {} : { enforcement: before.enforcement, cidrMatchesPods: before.cidrMatchesPods };
  const options = { ...modes, at, includeStaged: promote, progress };
  try {
    return {
      ok: true,
      diff: flows ? diffFlows(objects, after, flows, options) : diffPolicies(objects, after, options),
    };
  } catch (error) {
    const isTooLarge = error instanceof DiffTooLargeError || error instanceof PolicyTooLargeError;
    if (!isTooLarge) throw error;
    return { ok: false, message: error.message };
  }
}

type Objects =
  | { readonly ok: true; readonly objects: readonly PolicyObject[] }
  | { readonly ok: false; readonly errors: readonly LocatedError[] };

/** The agent is trusted: its objects are as its own engine has them. */
function inForce({ objects }: PoliciesInForce): Objects {
  return { ok: true, objects: objects as readonly unknown[] as readonly PolicyObject[] };
}

/** Objects of a folder are named by the folder, too: they stand beside others of the same name. */
async function readCandidate(candidate: NonNullable<DiffRequest["candidate"]>): Promise<Objects> {
  if ("text" in candidate) return parseObjects(candidate.text, candidate.file);
  const { folder } = candidate;
  return readObjectFiles(folder, (name) => join(folder, name));
}

async function readFlows(input: string | Readable): Promise<RecordedFlows> {
  const flows = new RecordedFlows(typeof input === "string" ? input : "stdin");
  for await (const line of flowLines(input)) flows.add(line);
  return flows;
}

function messageOf(errors: readonly LocatedError[], flows: RecordedFlows | null): string {
  const told = new Set(flows?.errors.map(({ line }) => line)).size;
  const more = (flows?.wrong ?? 0) - told;
  return [...errors.map(formatLocatedError), ...(more > 0 ? [`and ${more} more wrong lines`] : [])].join("\n");
}

/** Objects with others in place of their namesakes, or beside them. */
function overlay(objects: readonly PolicyObject[], others: readonly PolicyObject[]): PolicyObject[] {
  return [...new Map([...objects, ...others].map((object) => [objectKey(object), object])).values()];
}
