import type { CiliumSelector } from "#policy/model/cilium-object.ts";
import { RESERVED_PARTIES } from "#policy/model/reserved.ts";
import type { LabelSelector, Operator, Requirement } from "#policy/model/selector.ts";
import { labelKeyFault, labelValueFault } from "./names.ts";
import { entriesOf, type Reader } from "./reader.ts";
import { shorten } from "./text.ts";

const OPERATORS: readonly Operator[] = ["In", "NotIn", "Exists", "DoesNotExist"];
/** What stands before the key of a namespace's label. */
const NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels.";
const RESERVED = "reserved:";

/** What may stand before a key, with a colon: sources that are cut off, and whether reserved parties are selected, too. */
interface Sources {
  readonly cut: readonly string[];
  readonly reserved: boolean;
}

const ENDPOINTS: Sources = { cut: ["k8s", "any"], reserved: true };
const NODES: Sources = { cut: ["k8s", "any", "node"], reserved: false };
const SERVICES: Sources = { cut: ["k8s", "any"], reserved: false };

/** Of pods, and of reserved parties by `reserved:NAME`. */
export function readEndpointSelector(reader: Reader): CiliumSelector {
  return readSelector(reader, ENDPOINTS);
}

/** Of nodes by their labels. */
export function readNodeSelector(reader: Reader): LabelSelector {
  return readSelector(reader, NODES);
}

/** Of services by their labels. */
export function readServiceSelector(reader: Reader): LabelSelector {
  return readSelector(reader, SERVICES);
}

function readSelector(reader: Reader, sources: Sources): LabelSelector {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: Requirement[] = [];
  const parties = new Set<string>();
  const fields = reader.fields();
  for (const { name, key, value } of entriesOf(fields?.optional("matchLabels") ?? null)) {
    const parsed = parseKey(name, sources);
    const text = value.text(labelValueFault);
    if ("fault" in parsed) key.fail(parsed.fault);
    else if (text !== null) {
      if (isReserved(parsed.key) && text !== "") value.fail(`"${text}" is not "", the value of reserved parties`);
      checkParty(parsed.key, key, parties);
      const other = Object.hasOwn(matchLabels, parsed.key) ? matchLabels[parsed.key] : undefined;
      // One label with two sources: both conditions must hold.
      if (other === undefined) matchLabels[parsed.key] = text;
      else if (other !== text) matchExpressions.push({ key: parsed.key, operator: "In", values: [text] });
    }
  }
  for (const item of fields?.optional("matchExpressions")?.items() ?? []) {
    const requirement = readRequirement(item, sources, parties);
    if (requirement) matchExpressions.push(requirement);
  }
  fields?.refuseOthers();
  return { matchLabels, matchExpressions };
}

function readRequirement(reader: Reader, sources: Sources, parties: Set<string>): Requirement | null {
  const fields = reader.fields();
  if (!fields) return null;
  const keyField = fields.required("key");
  const text = keyField?.string() ?? null;
  const parsed = text === null ? null : parseKey(text, sources);
  if (parsed && "fault" in parsed) keyField?.fail(`"${shorten(text ?? "")}" ${parsed.fault}`);
  const operatorField = fields.required("operator");
  const operator = operatorField?.oneOf(OPERATORS) ?? null;
  const list = fields.optional("values");
  const values = (list?.items() ?? []).map((value) => value.text(labelValueFault));
  fields.refuseOthers();
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) (list ?? reader).fail(`values is empty; ${operator} needs at least one`);
  } else if (operator !== null && values.length > 0) {
    list?.fail(`must be left out with ${operator}`);
  }
  if (!parsed || "fault" in parsed || operator === null) return null;
  if (isReserved(parsed.key) && operator !== "Exists") {
    operatorField?.fail(`${operator} cannot stand with ${parsed.key}; accepted is Exists`);
  }
  checkParty(parsed.key, keyField, parties);
  return { key: parsed.key, operator, values: values.filter((value) => value !== null) };
}

/** Notes the reserved party that a key means. Only the API server could be two of them. */
function checkParty(key: string, reader: Reader | null, parties: Set<string>): void {
  if (!isReserved(key)) return;
  const [other] = parties;
  if (other !== undefined && other !== key) {
    reader?.fail(`cannot stand beside ${other}; accepted is one reserved party, and several selectors for several`);
  }
  parties.add(key);
}

function isReserved(key: string): boolean {
  return key.startsWith(RESERVED);
}

/** A key without its source, or what is wrong with it. */
function parseKey(text: string, { cut, reserved }: Sources): { readonly key: string } | { readonly fault: string } {
  const colon = text.indexOf(":");
  const source = text.slice(0, Math.max(colon, 0));
  const key = text.slice(colon + 1);
  if (reserved && source === "reserved") {
    const isKnown = (RESERVED_PARTIES as readonly string[]).includes(key);
    return isKnown ? { key: text } : { fault: `is no reserved party; known are ${RESERVED_PARTIES.join(", ")}` };
  }
  if (colon >= 0 && !cut.includes(source)) {
    const accepted = [...cut, ...(reserved ? ["reserved"] : [])].map((one) => `${one}:`);
    return { fault: `has a source that is not supported; accepted are ${accepted.join(", ")} and none` };
  }
  const fault = labelKeyFault(key.startsWith(NAMESPACE_LABEL) ? key.slice(NAMESPACE_LABEL.length) : key);
  return fault === null ? { key } : { fault };
}
