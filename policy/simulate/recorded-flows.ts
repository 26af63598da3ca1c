import { isMap, isScalar, isSeq, type Node } from "yaml";
import type { LocatedError } from "#policy/parse/located-error.ts";
import { keyText, start } from "#policy/parse/text.ts";
import { parseYaml } from "#policy/parse/yaml.ts";
import { type FlowShape, type ShapeFault, shapeFaults } from "./flow-shape.ts";
import { jsonFault } from "./json-fault.ts";
import { type RecordedFlow, type Unjudged, toRecordedFlow } from "./recorded-flow.ts";

export type { RecordedEnd, RecordedFlow, Unjudged } from "./recorded-flow.ts";

/** A connection that was recorded once or often. */
export interface CountedFlow extends RecordedFlow {
  /** Records that tell of it. */
  readonly count: number;
  /** Those of them that tell that it was dropped. */
  readonly dropped: number;
}

/** Errors beyond this many are only counted. */
const MAX_ERRORS = 100;

/** Deepest nesting of lists and mappings in a flow. */
const MAX_DEPTH = 64;

/** Kinds of lines that stand between flows. */
const OTHER_LINES = ["lost_events", "node_status", "agent_event", "debug_event"];

/**
 * Takes recorded flows in, line by line: what `weir observe -o json` and `hubble observe -o json` write.
 * Equal ones are counted together; malformed lines and what says nothing about policy are told.
 */
export class RecordedFlows {
  readonly file: string;
  readonly errors: LocatedError[] = [];
  readonly #flows = new Map<string, { readonly flow: RecordedFlow; count: number; dropped: number }>();
  readonly #unjudged = new Map<Unjudged, number>();
  #line = 0;
  #records = 0;
  #wrong = 0;

  /** @param file Named in errors. */
  constructor(file: string) {
    this.file = file;
  }

  /** Lines that were flows, also those that cannot be judged. */
  get records(): number {
    return this.#records;
  }

  /** Malformed lines, also those beyond the errors that are kept. */
  get wrong(): number {
    return this.#wrong;
  }

  /** How many records say nothing about policy, by the reason. */
  get unjudged(): ReadonlyMap<Unjudged, number> {
    return this.#unjudged;
  }

  /** Each connection once, in the order of first sight. */
  get flows(): CountedFlow[] {
    return [...this.#flows.values()].map(({ flow, count, dropped }) => ({
      ...flow,
      wasDropped: dropped > 0,
      count,
      dropped,
    }));
  }

  /** The next line, without its end. */
  add(line: string): void {
    this.#line++;
    if (line.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      const { offset, message } = jsonFault(line) ?? { offset: 0, message: "is not JSON" };
      this.#fail(offset, "flow", message);
      return;
    }
    this.#addValue(value, line);
  }

  #addValue(value: unknown, line: string): void {
    const record = isRecord(value) ? value : {};
    if (OTHER_LINES.some((name) => name in record)) return this.#skip("no-flow");
    const isWrapped = isRecord(record["flow"]);
    const flow = isWrapped ? record["flow"] : value;
    const path = isWrapped ? ["flow"] : [];
    const faults = isDeeper(flow, MAX_DEPTH)
      ? [{ path, message: `is nested deeper than ${MAX_DEPTH} levels` }]
      : shapeFaults(flow, path);
    if (faults.length === 0 && !["source", "destination", "IP"].some((name) => name in (flow as object))) {
      faults.push({ path, message: "is no flow: it has neither source nor destination" });
    }
    if (faults.length > 0) return this.#failAt(faults, line);
    this.#records++;
    const recorded = toRecordedFlow(withoutNulls(flow) as FlowShape);
    if (typeof recorded === "string") return this.#skip(recorded);
    const { wasDropped, ...who } = recorded;
    const key = JSON.stringify(who);
    let found = this.#flows.get(key);
    if (!found) this.#flows.set(key, (found = { flow: recorded, count: 0, dropped: 0 }));
    found.count++;
    if (wasDropped) found.dropped++;
  }

  #skip(reason: Unjudged): void {
    this.#unjudged.set(reason, (this.#unjudged.get(reason) ?? 0) + 1);
  }

  #failAt(faults: readonly ShapeFault[], line: string): void {
    // Only now are places asked for: the library that knows them is slow.
    const root = this.errors.length < MAX_ERRORS ? (parseYaml(line, this.file).documents[0] ?? null) : null;
    this.#wrong++;
    const placed = faults.map(({ path, message }) => ({ offset: offsetOf(root, path), path, message }));
    for (const { offset, path, message } of placed.sort((a, b) => a.offset - b.offset)) {
      this.#tell(offset, fieldText(path), message);
    }
  }

  #fail(offset: number, field: string, message: string): void {
    this.#wrong++;
    this.#tell(offset, field, message);
  }

  #tell(offset: number, field: string, message: string): void {
    if (this.errors.length >= MAX_ERRORS) return;
    this.errors.push({ file: this.file, line: this.#line, column: offset + 1, field, message });
  }
}

/** Reads a whole text; see {@link RecordedFlows}. */
export function readRecordedFlows(text: string, file: string): RecordedFlows {
  const flows = new RecordedFlows(file);
  for (const line of text.split("\n")) flows.add(line);
  return flows;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether lists and mappings are nested deeper than so many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNulls(one)]])),
  );
}

/** Where a value stands in its line; the nearest that is found around it. */
function offsetOf(root: Node | null, path: ShapeFault["path"]): number {
  let node = root;
  for (const step of path) {
    let next: Node | null = null;
    if (isSeq<Node | null>(node) && typeof step === "number") next = node.items[step] ?? null;
    else if (isMap<Node, Node | null>(node)) {
      next = node.items.find(({ key }) => isScalar(key) && keyText(key) === step)?.value ?? null;
    }
    if (!next) break;
    node = next;
  }
  return node ? start(node) : 0;
}

/** `flow.source.labels[0]` */
function fieldText(path: ShapeFault["path"]): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
  return text.replace(/^\./, "") || "flow";
}
