import type { LabelSelector, Operator, Requirement } from "#policy/model/selector.ts";
import { labelKeyFault, labelValueFault } from "./names.ts";
import { type Entry, entriesOf, type Reader } from "./reader.ts";

const OPERATORS: readonly Operator[] = ["In", "NotIn", "Exists", "DoesNotExist"];

/** Reads labels; what is wrong with one is reported and the label left out. */
export function readLabels(entries: readonly Entry[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const { name, key, value } of entries) {
    const fault = labelKeyFault(name);
    if (fault !== null) key.fail(fault);
    const text = value.text(labelValueFault);
    if (fault === null && text !== null) labels[name] = text;
  }
  return labels;
}

/** Reads a selector; a missing one selects everything. */
export function readLabelSelector(reader: Reader | null): LabelSelector {
  const fields = reader?.fields();
  if (!fields) return { matchLabels: {}, matchExpressions: [] };
  const matchLabels = readLabels(entriesOf(fields.optional("matchLabels")));
  const expressions = fields.optional("matchExpressions")?.items().map(readRequirement) ?? [];
  fields.refuseOthers();
  return { matchLabels, matchExpressions: expressions.filter((expression) => expression !== null) };
}

function readRequirement(reader: Reader): Requirement | null {
  const fields = reader.fields();
  if (!fields) return null;
  const key = fields.required("key")?.text(labelKeyFault) ?? null;
  const operator = fields.required("operator")?.oneOf(OPERATORS) ?? null;
  const list = fields.optional("values");
  const values = list?.items().map((value) => value.text(labelValueFault)) ?? [];
  fields.refuseOthers();
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) (list ?? reader).fail(`values is empty; ${operator} needs at least one`);
  } else if (operator !== null && values.length > 0) {
    list?.fail(`must be left out with ${operator}`);
  }
  if (key === null || operator === null) return null;
  return { key, operator, values: values.filter((value) => value !== null) };
}
