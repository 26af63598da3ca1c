import { ruleText } from "./rule-text.ts";
import { type Paint, type Style, printable } from "./table.ts";

/** Only their shapes: the engine is loaded when it is asked. */
type PolicyDiff = import("#policy/diff/policy-change.ts").PolicyDiff;
type PolicyChange = import("#policy/diff/policy-change.ts").PolicyChange;
type Verdict = PolicyChange["before"];
type Rule = PolicyChange["by"]["before"][number];

/** What was asked, as `weir policy eval` takes it; null: not at all. */
export interface Question {
  readonly objects: string | null;
  readonly candidate: string | null;
}

/** A headline that is longer is told in two lines. */
const WIDTH = 110;
/** So many rules are named. */
const MOST_RULES = 4;

/** One block for each change: from what to what, who to whom, and why; then how much was looked at. */
export function diffText(diff: PolicyDiff, question: Question, paint: Paint): string {
  const blocks = groupChanges(diff.changes).map((changes) => blockText(changes, question, paint));
  return `${[...blocks, summaryText(diff)].join("\n")}\n`;
}

/** Changes that differ in protocol and ports alone are one for people. */
function groupChanges(changes: readonly PolicyChange[]): (readonly [PolicyChange, ...PolicyChange[]])[] {
  const groups = new Map<string, [PolicyChange, ...PolicyChange[]]>();
  for (const change of changes) {
    const { before, after, source, destination } = change;
    const key = JSON.stringify([before, after, source.description, destination.description]);
    const group = groups.get(key);
    if (group) group.push(change);
    else groups.set(key, [change]);
  }
  return [...groups.values()];
}

function blockText(changes: readonly [PolicyChange, ...PolicyChange[]], question: Question, paint: Paint): string {
  const [change] = changes;
  const { before, after, source, destination } = change;
  const ports = changes.map(({ protocol, ports }) => (ports === "any" ? protocol : `${protocol} ${ports}`)).join("; ");
  const traffic = ports === "any" ? "any traffic" : ports;
  const verdicts = `${verdictText(before, paint)} -> ${verdictText(after, paint)}`;
  const [from, to] = [printable(source.description), printable(destination.description)];
  const isShort = `${before} -> ${after}  ${from} -> ${to}  ${traffic}`.length <= WIDTH;
  const lines = isShort
    ? [`${verdicts}  ${from} -> ${to}  ${traffic}`]
    : [`${verdicts}  ${traffic}`, line("from", from), line("to", to)];
  if (before === after)
    lines.push(line("asks", "other requests pass than before: weir policy eval with --http, --dns or --sni"));
  const count = changes.reduce((sum, one) => sum + (one.count ?? 0), 0);
  if (count > 0) lines.push(line("seen", `${count} ${count === 1 ? "time" : "times"}`));
  lines.push(...reasonLines("before", changes, change.before), ...reasonLines("after", changes, change.after));
  const nearest = changes.find((one) => one.nearest !== null)?.nearest;
  if (nearest) lines.push(line("nearest", printable(`${ruleText(nearest)}: ${nearest.because}`)));
  const example = changes.find((one) => one.example?.canBeEvaluated) ?? change;
  lines.push(line("example", printable(exampleText(example, question))));
  return `${lines.join("\n")}\n`;
}

function reasonLines(side: "before" | "after", changes: readonly PolicyChange[], verdict: Verdict): string[] {
  const rules = new Map(changes.flatMap((change) => change.by[side]).map((rule) => [ruleText(rule), rule]));
  const ends = [...new Set(changes.flatMap((change) => change.ends))].sort().join(" and ");
  const texts = [...rules.values()].slice(0, MOST_RULES).map((rule: Rule) => printable(ruleText(rule)));
  if (rules.size > MOST_RULES) texts.push(`and ${rules.size - MOST_RULES} more rules`);
  if (rules.size === 0) texts.push(verdict === "deny" ? `no rule allows it (${ends})` : `no policy applies (${ends})`);
  return texts.map((text, i) => line(i === 0 ? side : "", text));
}

function exampleText({ example, source, destination }: PolicyChange, { objects, candidate }: Question): string {
  if (!example) return `${source.example} -> ${destination.example}`;
  const { from, to, protocol, port, names, canBeEvaluated } = example;
  if (!canBeEvaluated)
    return `${from} -> ${to} ${protocol} ${port}${names.length > 0 ? ` as ${names.join(", ")}` : ""}`;
  const words = ["weir policy eval", "--from", from, "--to", to, "--port", `${port}`];
  if (protocol !== "TCP") words.push("--protocol", protocol);
  if (objects !== null) words.push("--objects", objects);
  if (candidate !== null) words.push("--candidate", candidate);
  return words.join(" ");
}

function summaryText({ changes, classes, isComplete, flows }: PolicyDiff): string {
  const incomplete = isComplete ? "" : "; DNS names overlap in more ways than were looked at";
  if (!flows) {
    const looked = `${classes.toLocaleString("en")} classes of traffic`;
    if (changes.length === 0) return `nothing changes in ${looked}${incomplete}`;
    return `${countText(groupChanges(changes).length, "change")} in ${looked}${incomplete}`;
  }
  const { records, changed, unjudged } = flows;
  const seen =
    changed === 0
      ? `nothing changes in ${records} recorded flows`
      : `${changed} of ${countText(records, "recorded flow")} would change`;
  const left = Object.entries(unjudged).map(([reason, count]) => `${count} ${reasons[reason] ?? reason}`);
  return `${seen}${left.length > 0 ? `; not judged: ${left.join(", ")}` : ""}`;
}

/** Why records are not judged. */
const reasons: Readonly<Record<string, string>> = {
  "no-ports": "without ports",
  socket: "of sockets",
  "icmp-answer": "ICMP answers",
  "no-flow": "of something else",
  "unknown-party": "of nobody knows whom",
};

const styles: Readonly<Record<Verdict, Style>> = { allow: "green", deny: "red", redirect: "yellow" };

function verdictText(verdict: Verdict, paint: Paint): string {
  return paint(styles[verdict], verdict);
}

function line(name: string, text: string): string {
  return `  ${name.padEnd(7)}  ${text}`;
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
