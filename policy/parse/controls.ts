import { type Controls, NO_CONTROLS, type ObjectControls } from "#policy/model/controls.ts";
import type { NamedRule } from "#policy/model/rule-names.ts";
import { CONTROLS, parseStage } from "./control-values.ts";
import type { Entry, Reader } from "./reader.ts";
import { shorten } from "./text.ts";

const PREFIX = "weir.io/";
const STAGE = "weir.io/stage";
/** Rules that a message names. */
const MOST_NAMES = 10;

/** Controls of a policy, read before its rules are known. */
export interface ReadControls {
  readonly controls: ObjectControls;
  /** Reports rules that an annotation names and the object does not have, and limits of rules that allow nothing. */
  check(rules: readonly NamedRule[]): void;
}

/** What is asked for one rule, and where. */
interface Mention {
  readonly rule: string;
  readonly value: Reader;
  readonly isLimit: boolean;
}

/**
 * Reads the annotations and labels of a policy that control its rules.
 *
 * @param annotations whose values are texts.
 * @param labels that are well formed.
 */
export function readControls(annotations: readonly Entry[], labels: readonly Entry[]): ReadControls {
  let object: Controls = readStageLabel(labels);
  const rules = new Map<string, Controls>();
  const mentions: Mention[] = [];
  for (const { name, key, value } of annotations) {
    if (!isOurs(name)) continue;
    const control = CONTROLS.get(name);
    if (!control) {
      key.fail(`is not known; known are ${[...CONTROLS.keys()].join(", ")}`);
      continue;
    }
    const isLabelled = name === STAGE && object.staged === true;
    for (const { rule, text } of readValues(value)) {
      const read = control.parse(text);
      const whose = rule === null ? "" : `${shorten(rule)}: `;
      if (typeof read === "string") value.fail(`${whose}"${shorten(text)}" ${read}`);
      else if (rule === null) object = { ...object, ...read };
      else rules.set(rule, { ...rules.get(rule), ...read });
      if (rule !== null) mentions.push({ rule, value, isLimit: control.isLimit });
      if (rule !== null && isLabelled) {
        value.fail("speaks of single rules, but the label of that name stages the whole object");
      }
    }
  }
  // Not by assignment: a rule may be called __proto__ until it is checked.
  const controls =
    mentions.length === 0 && isEmpty(object) ? NO_CONTROLS : { object, rules: Object.fromEntries(rules) };
  return { controls, check: (given) => checkMentions(mentions, given) };
}

/** Reports annotations that control rules on an object that has none. */
export function refuseControls(annotations: readonly Entry[], kind: string): void {
  for (const { name, key } of annotations) {
    if (CONTROLS.has(name)) key.fail(`has no effect on a ${kind}; it belongs on a policy`);
  }
}

/** Any case: the prefix of a mistyped name is still ours. */
function isOurs(name: string): boolean {
  return name.toLowerCase().startsWith(PREFIX);
}

function isEmpty(controls: Controls): boolean {
  return Object.keys(controls).length === 0;
}

/** A label can only stage a whole object: its value has no room for more. */
function readStageLabel(labels: readonly Entry[]): Controls {
  let controls: Controls = {};
  for (const { name, key, value } of labels) {
    if (!isOurs(name)) continue;
    if (name !== STAGE) {
      key.fail(
        CONTROLS.has(name) ? "is an annotation, not a label" : `is not known; the only label of ${PREFIX} is stage`,
      );
      continue;
    }
    const text = value.text((given) => (typeof parseStage(given) === "string" ? "is not audit" : null));
    if (text !== null) controls = { staged: true };
  }
  return controls;
}

/** `VALUE` for the whole object, or `RULE=VALUE` separated by commas. */
function readValues(value: Reader): { readonly rule: string | null; readonly text: string }[] {
  const whole = value.string();
  if (whole === null) return [];
  const items = whole.split(",").map((item) => item.trim());
  const first = items[0] ?? "";
  if (items.length === 1 && !first.includes("=")) return [{ rule: null, text: first }];
  if (!items.every((item) => item.includes("="))) {
    value.fail(`"${shorten(whole)}" is neither one value for the whole object nor a list RULE=VALUE,RULE=VALUE`);
    return [];
  }
  const seen = new Set<string>();
  return items.map((item) => {
    const sign = item.indexOf("=");
    const rule = item.slice(0, sign).trim();
    if (seen.has(rule)) value.fail(`names ${shorten(rule)} twice`);
    seen.add(rule);
    return { rule, text: item.slice(sign + 1).trim() };
  });
}

function checkMentions(mentions: readonly Mention[], rules: readonly NamedRule[]): void {
  if (mentions.length === 0) return;
  const effects = new Map(rules.map(({ name, effect }) => [name, effect]));
  const known = formatNames([...effects.keys()]);
  for (const { rule, value, isLimit } of mentions) {
    const effect = effects.get(rule);
    if (effect === undefined) value.fail(`names the rule "${shorten(rule)}", but the object has ${known}`);
    else if (isLimit && effect !== "allow") {
      value.fail(
        `limits ${rule}, which ${effect === "deny" ? "denies" : "only passes on"}; limits are for rules that allow`,
      );
    }
  }
}

function formatNames(names: readonly string[]): string {
  if (names.length === 0) return "no rules";
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `${names.slice(0, MOST_NAMES).join(", ")}${more}`;
}
