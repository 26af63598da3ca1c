import { type NameMatch, formatNameMatch } from "#policy/model/l7.ts";
import { matchesName } from "#policy/model/name-match.ts";

/** Whether `wide` means every DNS name that `narrow` means. May say no of patterns that are hard to compare. */
export function isNameWithin(narrow: NameMatch, wide: NameMatch): boolean {
  const text = formatNameMatch(narrow);
  const pattern = formatNameMatch(wide);
  if (pattern === "*" || pattern === text) return true;
  if (narrow.kind === "name" && !text.includes("*")) return matchesName(pattern, text);
  if (text === "*") return false;
  if (pattern.startsWith("**.")) return !pattern.includes("*", 2) && text.endsWith(pattern.slice(2));
  const labels = text.split(".");
  const wanted = pattern.split(".");
  return (
    !text.startsWith("**.") &&
    labels.length === wanted.length &&
    wanted.every((label, i) => label === "*" || label === labels[i])
  );
}
